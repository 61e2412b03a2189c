"""Networks that were trained elsewhere. Those that are compared with the same baseline form a scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dst_robustness.registry import unknown_name
from dst_robustness.study.data import (
    PREPARE,
    SPEC,
    check_model,
    chosen_corruptions,
    data_options,
    data_trained_on,
    spec_of,
)
from dst_robustness.study.grid import Scenario
from dst_robustness.study.options import Network, Study
from dst_robustness.study.run import Run


@dataclass(frozen=True)
class Comparison(Scenario):
    """A scenario of networks that are only tested. One of them is the baseline and gives the scenario its name.

    Its methods are the names of the networks. Nothing is trained.

    Attributes:
        networks: the networks by name, the baseline first.
    """

    networks: Mapping[str, Network]

    @cached_property
    def runs(self) -> list[Run]:
        """Return a run for each file of weights."""
        return [_run(network, self.name, seed) for network in self.networks.values() for seed in weights_of(network)]

    def weights(self, run: Run) -> str:
        """Return the file of weights of a run."""
        return weights_of(self.networks[run.method])[run.seed]

    def description(self, run: Run) -> dict[str, Any]:
        """Return the study's options for the network of a run."""
        return self.networks[run.method].model_dump(include={"mean", "std"}, exclude_none=True)


def _run(network: Network, scenario: str, seed: int) -> Run:
    return Run(scenario, network.dataset, network.model, network.name, 0.0, seed, width=network.width)


def weights_of(network: Network) -> dict[int, str]:
    """Return the files of weights by seed."""
    return dict(network.seeds) if network.seeds else {0: str(network.weights)}


def read_comparisons(study: Study, taken: Iterable[str]) -> dict[str, Comparison]:
    """Return the comparisons of a study by the names of their baselines.

    Args:
        study: the study.
        taken: names of the scenarios, which no network may have.

    Raises ValueError, which names the network and what is allowed.
    """
    networks: dict[str, Network] = {}
    taken = set(taken)
    trained = taken.union(*(scenario.methods for scenario in study.scenarios))
    for number, network in enumerate(study.networks):
        place = f"config: networks[{number}]"
        if network.name in networks or network.name in taken:
            raise ValueError(f"{place}: the name '{network.name}' is given twice; give each network its own")
        networks[network.name] = network
    for number, network in enumerate(study.networks):
        try:
            if network.baseline in trained - networks.keys():
                raise ValueError(
                    f"its baseline {network.baseline} is trained by this study, and networks that are only tested are "
                    f"compared with each other; once it is trained, list it too, as {{name: ours, weights: "
                    f"{study.results_dir}/runs/SCENARIO/METHOD/SPARSITY/seed0/model.pt, ...}}"
                )
            _check(network, networks, study)
        except ValueError as error:
            raise ValueError(f"config: networks[{number}] ({network.name}): {error}") from error
    roots = [network for network in networks.values() if network.baseline is None]
    return {
        root.name: _comparison(root, [one for one in networks.values() if one.baseline == root.name], study)
        for root in roots
    }


def _check(network: Network, networks: Mapping[str, Network], study: Study) -> None:
    if (network.weights is None) == (network.seeds is None):
        raise ValueError("give either `weights`, one file, or `seeds`, as {0: a.pt, 1: b.pt}")
    for seed, path in weights_of(network).items():
        run = _run(network, network.baseline or network.name, seed)
        was_taken = Path(str(study.results_dir), run.folder, "model.pt").is_file()  # here, or in an archive
        if not Path(path).is_file() and not was_taken:
            raise ValueError(f"there is no file of weights {path}")
    check_model(network.model, spec_of(network.dataset, study))
    if network.baseline is None:
        return
    others = [name for name in networks if name != network.name]
    if network.baseline not in others:
        raise unknown_name("baseline", network.baseline, others)
    baseline = networks[network.baseline]
    if baseline.baseline is not None:
        raise ValueError(f"its baseline {baseline.name} has a baseline itself, {baseline.baseline}; name that one")
    if baseline.dataset != network.dataset:
        raise ValueError(
            f"it is tested on {network.dataset}, its baseline {baseline.name} on {baseline.dataset}; "
            "networks are compared on the same images"
        )


def _comparison(root: Network, others: list[Network], study: Study) -> Comparison:
    networks = {network.name: network for network in (root, *others)}
    return Comparison(
        name=root.name,
        dataset=root.dataset,
        trained_on=data_trained_on(root.dataset, study),
        data=data_options(data_trained_on(root.dataset, study), study, (*SPEC, *PREPARE)),
        model=root.model,
        width=root.width,
        methods=tuple(networks),
        sparsities=(0.0,),
        sparsities_of={},
        seeds=tuple(sorted({seed for network in networks.values() for seed in weights_of(network)})),
        corruptions=chosen_corruptions(study.corruptions, spec_of(root.dataset, study)),
        training=study.training,
        sparse_training=study.sparse_training,
        variants={},
        shifts=(),
        baseline=root.name,
        networks=networks,
    )


def shrink_comparison(comparison: Comparison, study: Study) -> Comparison:
    """Return a comparison for a smoke run: all networks, two corruptions."""
    data = data_options(comparison.trained_on, study, (*SPEC, *PREPARE))
    return replace(comparison, data=data, corruptions=comparison.corruptions[:2])
