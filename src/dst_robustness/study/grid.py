"""The grid: the scenarios of a study, the runs of each, and which networks they share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dst_robustness.sparsity import METHODS
from dst_robustness.study.data import (
    PREPARE,
    SPEC,
    check_model,
    check_shifts,
    chosen_corruptions,
    data_options,
    data_trained_on,
    spec_of,
)
from dst_robustness.study.ladder import with_controls
from dst_robustness.study.methods import check_methods, check_recipe, check_warmup
from dst_robustness.study.options import Network, SparseTraining, Study, Training, Variant
from dst_robustness.study.options import Scenario as Entry
from dst_robustness.study.run import Run, default_name

NO_OPTIONS = {"method", "source", "training"}  # the keys of a variant that are not options of sparse training


@dataclass(frozen=True)
class Scenario:
    """A data set, a model and their training, with a name.

    Attributes:
        dataset: the data set on which the networks are tested. It may have the user's own name.
        trained_on: the data set on which they are trained: ``dataset`` itself, or the origin of a published corrupted
            test set.
        data: the options with which the training data set is prepared.
        width: factor for the channels of all hidden layers of the network.
        sparsities_of: the methods that are trained at other sparsities than the rest.
        variants: the study's options for each listed method that is a variant.
        shifts: the sets of natural shift on which the networks are tested too.
        baseline: the method, or the network of ``networks``, that gains are measured against.
        networks: networks that were trained elsewhere and are only tested, by name.
    """

    name: str
    dataset: str
    trained_on: str
    data: Mapping[str, Any]
    model: str
    width: float
    methods: tuple[str, ...]
    sparsities: tuple[float, ...]
    sparsities_of: Mapping[str, tuple[float, ...]]
    seeds: tuple[int, ...]
    corruptions: tuple[str, ...]
    training: Training
    sparse_training: SparseTraining
    variants: Mapping[str, Variant]
    shifts: tuple[str, ...]
    baseline: str
    networks: Mapping[str, Network] = field(default_factory=dict)

    @cached_property
    def runs(self) -> list[Run]:
        """Return all runs, those of the baseline first."""
        return [*self.trained_runs, *self.taken_runs]

    @cached_property
    def taken_runs(self) -> list[Run]:
        """Return a run for each file of weights that was trained elsewhere."""
        return [
            Run(self.name, one.dataset, one.model, one.name, 0.0, seed, width=one.width)
            for one in self.networks.values()
            for seed in one.files
        ]

    @cached_property
    def trained_runs(self) -> list[Run]:
        """Return the runs that are trained here, those of the baseline first."""
        ordered = sorted(self.methods, key=lambda method: method != self.baseline)
        return [
            self.run(method, sparsity, seed)
            for method in ordered
            for sparsity in self.sparsities_for(method)
            for seed in self.seeds
        ]

    def run(self, method: str, sparsity: float, seed: int) -> Run:
        """Return the run of a listed method."""
        variant_of = self.variants[method].method if method in self.variants else None
        return Run(self.name, self.dataset, self.model, method, sparsity, seed, variant_of, self.width)

    def sparsities_for(self, method: str) -> tuple[float, ...]:
        """Return the sparsities at which a listed method is trained. A dense one is trained at 0."""
        return self.sparsities_of.get(method, self.sparsities) if self._is_sparse(method) else (0.0,)

    def _is_sparse(self, method: str) -> bool:
        return METHODS[self.run(method, 0, 0).base_method].sparse

    def training_of(self, method: str) -> Training:
        """Return the training options of a listed method. A variant may differ from the scenario."""
        if method not in self.variants:
            return self.training
        own = self.variants[method].training
        return self.training.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})

    def sparse_options(self, method: str) -> dict[str, Any]:
        """Return the options of sparse training for a listed method. A dense one has none."""
        if not self._is_sparse(method):
            return {}
        own = (
            self.variants[method].model_dump(exclude_unset=True, exclude=NO_OPTIONS) if method in self.variants else {}
        )
        return self.sparse_training.model_dump() | own

    def source(self, method: str) -> str | None:
        """Return the listed method whose final masks a listed method starts from, or None if it has its own."""
        return self.variants[method].source if method in self.variants else None

    def sources(self, run: Run) -> list[Run]:
        """Return the run whose final masks a run of this scenario starts from, in a list that may be empty."""
        source = self.source(run.method)
        return [self.run(source, run.sparsity, run.seed)] if source else []

    def recipe(self, method: str) -> dict[str, Any]:
        """Return everything that decides the networks of a listed method, except sparsity and seed, as plain values."""
        source, training = self.source(method), self.training_of(method)
        return {
            "trained_on": self.trained_on,
            "data": dict(self.data),
            "model": self.model,
            "width": self.width,
            "training": training.model_dump(exclude=training.decide_nothing),
            "method": self.run(method, 0, 0).base_method,
            "sparse_training": self.sparse_options(method),
            "source": self.recipe(source) if source else None,
        }


def read_scenarios(study: Study) -> dict[str, Scenario]:
    """Return the scenarios of a study by name.

    Raises ValueError, which names the scenario and what is allowed, for unknown names, a model that does not fit its
    data, a scenario without the dense baseline, and two scenarios with the same name.
    """
    scenarios: dict[str, Scenario] = {}
    for number, entry in enumerate(study.scenarios):
        try:
            scenario = _read_scenario(entry, study)
            if scenario.name in scenarios:
                raise ValueError(f"another scenario is called '{scenario.name}'; give one of them a `name` of its own")
        except ValueError as error:
            raise ValueError(f"config: scenarios[{number}]: {error}") from error
        scenarios[scenario.name] = scenario
    return scenarios


def _read_scenario(entry: Entry, study: Study) -> Scenario:
    spec = spec_of(entry.dataset, study)
    check_model(entry.model, spec)
    check_recipe(entry.training)
    if entry.name in entry.methods:
        raise ValueError(f"the name '{entry.name}' is that of a method, too; choose another")
    listed = with_controls(entry, study.variants)
    check_methods(listed, study.variants, study.baseline)
    for variant in listed.variants.values():
        check_recipe(variant.training)
    trained_on = data_trained_on(entry.dataset, study)
    scenario = Scenario(
        name=entry.name or default_name(entry.dataset, entry.model),
        dataset=entry.dataset,
        trained_on=trained_on,
        data=data_options(trained_on, study, (*SPEC, *PREPARE)),
        model=entry.model,
        width=entry.width,
        methods=listed.methods,
        sparsities=tuple(entry.sparsities),
        sparsities_of=listed.sparsities_of,
        seeds=tuple(range(study.decide.last) if study.decide else entry.seeds),
        corruptions=chosen_corruptions(entry.corruptions, spec),
        training=entry.training,
        sparse_training=entry.sparse_training,
        variants=listed.variants,
        shifts=check_shifts(entry.shifts, trained_on, study),
        baseline=study.baseline,
    )
    for method in scenario.methods:
        check_warmup(method, scenario.sparse_options(method), scenario.training_of(method).optimizer)
    return scenario


def shared_networks(scenarios: Iterable[Scenario]) -> dict[Run, Run]:
    """Return, for each run whose network an earlier scenario trains in the same way, the run of that scenario.

    So the networks for a published corrupted test set are those trained for its origin, or for another published set.
    """
    recipes: list[dict[str, Any]] = []
    trained: dict[tuple[int, float, int], Run] = {}
    shared: dict[Run, Run] = {}
    for scenario in scenarios:
        numbers: dict[str, int] = {}
        for method in scenario.methods:
            recipe = scenario.recipe(method)
            if recipe not in recipes:
                recipes.append(recipe)
            numbers[method] = recipes.index(recipe)
        for run in scenario.trained_runs:
            first = trained.setdefault((numbers[run.method], run.sparsity, run.seed), run)
            if first is not run:
                shared[run] = first
    return shared


def corruptions_by_dataset(scenarios: Iterable[Scenario]) -> dict[str, list[str]]:
    """Return the corruptions under which each data set is tested, over all scenarios."""
    tested: dict[str, list[str]] = {}
    for scenario in scenarios:
        own = tested.setdefault(scenario.dataset, [])
        own += [name for name in scenario.corruptions if name not in own]
    return tested
