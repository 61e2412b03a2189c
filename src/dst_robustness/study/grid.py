"""The grid: which runs a study consists of, and the options of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dst_robustness.corruptions import (
    BENCHMARK_CORRUPTIONS,
    VIDEO_CORRUPTIONS,
    choose_corruptions,
    image_suites,
)
from dst_robustness.datasets import DATASETS, DatasetSpec, dataset_spec
from dst_robustness.models import MODELS
from dst_robustness.models.sources import find_source
from dst_robustness.registry import unknown_name
from dst_robustness.sparsity import METHODS
from dst_robustness.study.options import Dataset, SparseTraining, Study, Training, Variant
from dst_robustness.study.options import Scenario as Entry
from dst_robustness.study.run import Run
from dst_robustness.training.augmentation import AUGMENTATIONS, MIXINGS

BASELINE = "dense"
FROZEN = "dst_frozen"
VARIANT_KEYS = ("method", "source")  # the keys of a variant that are no options of sparse training


@dataclass(frozen=True)
class Scenario:
    """One data set and one model with all that is trained and tested on them.

    Attributes:
        dataset_type: the registered data set behind ``dataset``, which may be a name of the user's own.
        trained_on: the data set that the networks are trained on: ``dataset`` itself, but for a published corrupted
            test set the one that it is made of.
        sparsities_of: the methods that are trained at other sparsities than the rest.
        variants: for each listed method that is a variant, its method and its options.
    """

    dataset: str
    dataset_type: str
    trained_on: str
    model: str
    methods: tuple[str, ...]
    sparsities: tuple[float, ...]
    sparsities_of: Mapping[str, tuple[float, ...]]
    seeds: tuple[int, ...]
    corruptions: tuple[str, ...]
    training: Training
    sparse_training: SparseTraining
    variants: Mapping[str, Variant]

    @property
    def runs(self) -> list[Run]:
        """All runs, the dense baseline first."""
        ordered = sorted(self.methods, key=lambda method: method != BASELINE)
        return [
            Run(self.dataset, self.model, method, sparsity, seed)
            for method in ordered
            for sparsity in self.sparsities_for(method)
            for seed in self.seeds
        ]

    def sparsities_for(self, method: str) -> tuple[float, ...]:
        """Return the sparsities that a listed name is trained at; the baseline is dense."""
        return (0.0,) if method == BASELINE else self.sparsities_of.get(method, self.sparsities)

    def base_method(self, method: str) -> str:
        """Return the registered method behind a listed name."""
        return self.variants[method].method if method in self.variants else method

    def sparse_options(self, method: str) -> dict[str, Any]:
        """Return the options of sparse training for a listed name; the baseline has none."""
        if method == BASELINE:
            return {}
        own = self.variants[method].model_dump(exclude_unset=True) if method in self.variants else {}
        return self.sparse_training.model_dump() | {key: own[key] for key in own if key not in VARIANT_KEYS}

    def source(self, method: str) -> str | None:
        """Return the listed name whose final masks a listed name starts from, None for those that draw their own."""
        return self.variants[method].source if method in self.variants else None


def read_scenarios(study: Study) -> dict[tuple[str, str], Scenario]:
    """Return the scenarios of a checked configuration by (dataset, model).

    Raises ValueError, naming the scenario and what is allowed, for names that no registry knows, a model that does not
    fit its data, a study without the dense baseline, a scenario that is listed twice, and two test sets of the same
    networks that would train them in two ways.
    """
    scenarios: dict[tuple[str, str], Scenario] = {}
    for number, entry in enumerate(study.scenarios):
        place = f"config: scenarios[{number}]"
        try:
            scenario = _read_scenario(entry, study)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
        key = (scenario.dataset, scenario.model)
        if key in scenarios:
            raise ValueError(f"{place}: {' with '.join(key)} is listed twice; give each pair one entry")
        for other in scenarios.values():
            _check_shared_networks(place, scenario, other)
        scenarios[key] = scenario
    return scenarios


def _check_shared_networks(place: str, scenario: Scenario, other: Scenario) -> None:
    if (scenario.trained_on, scenario.model) != (other.trained_on, other.model):
        return
    for key in ("training", "sparse_training"):
        mine, theirs = (getattr(one, key).model_dump() for one in (scenario, other))
        for option in mine:
            if mine[option] != theirs[option]:
                raise ValueError(
                    f"{place}: {key}.{option} is {mine[option]}, but {theirs[option]} for {other.dataset}: both test "
                    f"the same networks, trained on {scenario.trained_on}; give both the same value"
                )


def _read_scenario(entry: Entry, study: Study) -> Scenario:
    dataset, model = entry.dataset, entry.model
    dataset_type = _type_of(dataset, study)
    kind = DATASETS[dataset_type].kind
    if find_source(model).kind not in (kind, None):  # a user's file says only when it is run what it takes
        fitting = [name for name in MODELS if find_source(name).kind == kind]
        raise ValueError(f"model '{model}' does not take the {kind} of '{dataset}'. Allowed: {', '.join(fitting)}")
    for name in entry.training.augmentation.split("+"):
        if name not in AUGMENTATIONS:
            raise unknown_name("training.augmentation", name, AUGMENTATIONS)
    if entry.training.mixing not in MIXINGS:
        raise unknown_name("training.mixing", entry.training.mixing, MIXINGS)
    trained_on = _trained_on(dataset, dataset_type, study)
    suites = _suites(dataset_spec(dataset, options_of(dataset, study)))
    variants = {name: study.variants[name] for name in entry.methods if name in study.variants}
    _check_methods(entry.methods, variants, study)
    return Scenario(
        dataset=dataset,
        dataset_type=dataset_type,
        trained_on=trained_on,
        model=model,
        methods=tuple(entry.methods),
        sparsities=tuple(entry.sparsities),
        sparsities_of=_sparsities_of(entry.sparsities_of, study.variants),
        seeds=tuple(entry.seeds),
        corruptions=choose_corruptions(entry.corruptions, suites),
        training=entry.training,
        sparse_training=entry.sparse_training,
        variants=variants,
    )


def _sparsities_of(chosen: Mapping[str, Sequence[float]], variants: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    sparse = [name for name in (*METHODS, *variants) if name != BASELINE]
    for name in chosen:
        if name not in sparse:
            raise unknown_name("method in sparsities_of", name, sparse)
    return {name: tuple(sparsities) for name, sparsities in chosen.items()}


def options_of(dataset: str, study: Study) -> dict[str, Any]:
    """Return what the configuration says of a data set."""
    return study.datasets.get(dataset, Dataset()).model_dump(exclude_none=True)


def _type_of(dataset: str, study: Study) -> str:
    """Return the registered data set behind a name, which may be one of the user's own."""
    if dataset in study.datasets and study.datasets[dataset].type is None and dataset not in DATASETS:
        raise ValueError(
            f"datasets.{dataset} lacks the key 'type': which data set it is, as image_folder. "
            f"Allowed: {', '.join(DATASETS)}"
        )
    found = options_of(dataset, study).get("type", dataset)
    if found not in DATASETS:
        what = f"datasets.{dataset}.type" if dataset in study.datasets else "dataset"
        raise unknown_name(
            what, found, DATASETS if dataset in study.datasets else dict.fromkeys([*study.datasets, *DATASETS])
        )
    return found


def _trained_on(dataset: str, dataset_type: str, study: Study) -> str:
    """Return which data set the networks are trained on."""
    spec, trained_on = DATASETS[dataset_type], options_of(dataset, study).get("trained_on")
    if spec.corrupted_from is None:
        if trained_on is not None:
            raise ValueError(
                f"datasets.{dataset}.trained_on is for published corrupted test sets, not for a {spec.name}"
            )
        return dataset
    trained_on = trained_on or spec.corrupted_from
    source = options_of(trained_on, study).get("type", trained_on)
    if source not in DATASETS or DATASETS[source].corrupted_from:
        trainable = [
            name for name in (*study.datasets, *DATASETS) if not DATASETS[_type_of(name, study)].corrupted_from
        ]
        raise unknown_name(f"datasets.{dataset}.trained_on", trained_on, trainable)
    return trained_on


def _check_methods(methods: Sequence[str], variants: Mapping[str, Variant], study: Study) -> None:
    if BASELINE not in methods:
        raise ValueError(f"methods lack '{BASELINE}', the baseline that all others are compared with")
    for name in methods:
        if name not in METHODS and name not in variants:
            raise unknown_name("method", name, [*METHODS, *study.variants])
        if name == FROZEN:
            raise ValueError(
                f"method {FROZEN} needs a source: list a variant, as in rigl_frozen: {{method: {FROZEN}, source: rigl}}"
            )
    for name, variant in variants.items():
        if name in METHODS:
            raise ValueError(f"variant '{name}' has the name of a method; choose another")
        if variant.method not in METHODS:
            raise unknown_name(f"method of variant '{name}'", variant.method, METHODS)
        _check_source(name, variant, methods)


def _check_source(name: str, variant: Variant, methods: Sequence[str]) -> None:
    """Check that a variant names a source exactly where its method starts from the masks of another run."""
    if (variant.method == FROZEN) != (variant.source is not None):
        raise ValueError(f"variant '{name}': `source` goes with method {FROZEN}, and {FROZEN} needs it")
    if variant.source and (variant.source not in methods or variant.source in (BASELINE, name)):
        raise unknown_name(
            f"source of variant '{name}'", variant.source, [m for m in methods if m not in (BASELINE, name)]
        )


def _suites(spec: DatasetSpec) -> dict[str, list[str]]:
    """Return the corruptions of each suite that fits a data set; together they are those that may be listed."""
    suites: dict[str, list[str]] = {}
    if spec.kind == "clips":
        suites["all"] = list(VIDEO_CORRUPTIONS)
        for name, corruption in VIDEO_CORRUPTIONS.items():
            suites.setdefault(corruption.suite, []).append(name)
        return suites
    if spec.corrupted_from is None:
        return image_suites(spec.family)
    suites["all"] = list(spec.corruptions)  # a published set has what it has
    if set(BENCHMARK_CORRUPTIONS) <= set(spec.corruptions):
        suites["benchmark"] = list(BENCHMARK_CORRUPTIONS)
    return suites
