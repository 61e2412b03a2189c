"""A study and everything that follows from it: its scenarios, runs and data sets by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dst_robustness.registry import unknown_name
from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import Scenario, corruptions_by_dataset, read_scenarios, shared_networks
from dst_robustness.study.networks import place_networks
from dst_robustness.study.options import Network, Study
from dst_robustness.study.run import Run
from dst_robustness.study.smoke import shrink


@dataclass(frozen=True)
class Whole:
    """A study with its scenarios.

    Attributes:
        study: the configuration.
        trained_here: the scenarios in which networks are trained here.
        comparisons: the scenarios of networks that were trained elsewhere.
    """

    study: Study
    trained_here: Mapping[str, Scenario]
    comparisons: Mapping[str, Scenario]

    @cached_property
    def scenarios(self) -> dict[str, Scenario]:
        """All scenarios."""
        return {**self.trained_here, **self.comparisons}

    @cached_property
    def listed(self) -> dict[str, Scenario]:
        """The scenarios shown in tables and figures: those in `only`, or all."""
        return {name: one for name, one in self.scenarios.items() if name in (self.study.only or self.scenarios)}

    @cached_property
    def listed_here(self) -> list[Scenario]:
        """The listed scenarios whose networks are trained here."""
        return [scenario for name, scenario in self.listed.items() if name in self.trained_here]

    @cached_property
    def listed_runs(self) -> list[Run]:
        """The runs of the listed scenarios, in the order of the grid."""
        return [run for scenario in self.listed.values() for run in scenario.runs]

    @cached_property
    def runs(self) -> dict[str, Run]:
        """All runs by folder."""
        return {run.folder: run for scenario in self.scenarios.values() for run in scenario.runs}

    @cached_property
    def shared(self) -> dict[str, Run]:
        """For each run whose network another run trains in the same way: its folder and that other run."""
        return {run.folder: origin for run, origin in shared_networks(self.trained_here.values()).items()}

    def trained_for(self, runs: Iterable[Run]) -> set[str]:
        """Return the folders in which the networks of these runs are trained, without those trained elsewhere."""
        return {self.shared.get(run.folder, run).folder for run in runs} - self.taken.keys()

    @cached_property
    def taken(self) -> dict[str, Network]:
        """For each run that was trained elsewhere: its folder and its network."""
        scenarios = self.scenarios.values()
        return {run.folder: one.networks[run.method] for one in scenarios for run in one.taken_runs}

    def called(self, run: Run) -> str:
        """Return what a run is called on the terminal."""
        if run.folder in self.taken:
            return f"{run.method}, seed {run.seed}"
        return f"{run.scenario}: {run.method}, sparsity {run.sparsity:g}, seed {run.seed}"

    @cached_property
    def tested(self) -> dict[str, list[str]]:
        """The corruptions under which each data set is tested."""
        return corruptions_by_dataset(self.scenarios.values())

    @cached_property
    def shown(self) -> dict[str, list[str]]:
        """The same for the data sets of the listed scenarios."""
        return {scenario.dataset: self.tested[scenario.dataset] for scenario in self.listed.values()}

    @cached_property
    def trained(self) -> set[str]:
        """The data sets on which networks are trained."""
        return {scenario.trained_on for scenario in self.scenarios.values()}

    @cached_property
    def published(self) -> set[str]:
        """The corrupted test sets that are imported, not made."""
        return self.tested.keys() - self.trained

    @cached_property
    def shifted(self) -> set[str]:
        """The sets of natural shift."""
        return {shift for scenario in self.scenarios.values() for shift in scenario.shifts}

    @cached_property
    def aside(self) -> list[str]:
        """The scenarios that are in tables and figures, but not in the answer to the study's question."""
        entries = zip(self.trained_here, self.study.scenarios, strict=True)
        return [name for name, entry in entries if not entry.in_answer]

    @cached_property
    def sources(self) -> dict[str, str]:
        """For each control that starts from the masks of another method: that method."""
        variants = [item for scenario in self.scenarios.values() for item in scenario.variants.items()]
        return {name: variant.source for name, variant in variants if variant.source}


def read_whole(*layers: Mapping[str, Any], name: str = "study", folders: Sequence[str] = ()) -> Whole:
    """Return the study that these layers describe (see ``read_study``), shrunk if it says ``smoke``.

    Raises:
        ValueError: with one line for each mistake, what is wrong and what is allowed.
    """
    study = read_study(*layers, name=name, folders=folders)
    scenarios, comparisons = place_networks(study, read_scenarios(study))
    for listed in study.only:
        if listed not in {**scenarios, **comparisons}:
            raise ValueError(f"config: {unknown_name('scenario in only', listed, [*scenarios, *comparisons])}")
    return Whole(*(shrink(study, scenarios, comparisons) if study.smoke else (study, scenarios, comparisons)))
