"""Networks that were trained elsewhere: they join the scenario of their baseline, or form one of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

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

Scenarios = dict[str, Scenario]


def place_networks(study: Study, scenarios: Mapping[str, Scenario]) -> tuple[Scenarios, Scenarios]:
    """Return the scenarios with the networks that are compared with them, and those of networks alone.

    The latter are named after the network that the others are compared with. Nothing is trained in them.

    Args:
        study: the study.
        scenarios: those whose networks are trained here.

    Raises:
        ValueError: it names the network and what is allowed.
    """
    networks: dict[str, Network] = {}
    for number, network in enumerate(study.networks):
        if network.name in networks or network.name in scenarios:
            raise ValueError(
                f"config: networks[{number}]: the name '{network.name}' is given twice; give each network its own"
            )
        networks[network.name] = network
    joined: dict[str, dict[str, Network]] = {name: {} for name in scenarios}
    compared: dict[str, dict[str, Network]] = {
        one.name: {one.name: one} for one in networks.values() if not one.baseline
    }
    for number, network in enumerate(study.networks):
        try:
            check_model(network.model, spec_of(network.dataset, study))
            place = _place(network, networks, scenarios, study)
            _check_files(network, place, study)
            (joined if place in joined else compared)[place][network.name] = network
        except ValueError as error:
            raise ValueError(f"config: networks[{number}] ({network.name}): {error}") from error
    trained = {name: replace(scenario, networks=joined[name]) for name, scenario in scenarios.items()}
    return trained, {name: _comparison(networks[name], own, study) for name, own in compared.items()}


def _place(network: Network, networks: Mapping[str, Network], scenarios: Mapping[str, Scenario], study: Study) -> str:
    """Return the name of the scenario in which a network is compared."""
    if network.baseline is None:
        return network.name
    if network.baseline not in networks or network.baseline == network.name:
        return _scenario_of(network, networks, scenarios, study)
    baseline = networks[network.baseline]
    if baseline.baseline is not None:
        raise ValueError(f"its baseline {baseline.name} has a baseline itself, {baseline.baseline}; name that one")
    _check_pairs(network, baseline.name, baseline.dataset, baseline.files)
    return baseline.name


def _scenario_of(
    network: Network, networks: Mapping[str, Network], scenarios: Mapping[str, Scenario], study: Study
) -> str:
    """Return the scenario that trains the baseline of a network."""
    fitting = [name for name, one in scenarios.items() if one.dataset == network.dataset]
    name = fitting[0] if network.baseline == study.baseline and len(fitting) == 1 else str(network.baseline)
    if name not in scenarios:
        if name == study.baseline and fitting:
            raise ValueError(f"its baseline {name} is trained in several scenarios; name one: {', '.join(fitting)}")
        if any(name in one.methods for one in scenarios.values()):
            raise ValueError(
                f"its baseline {name} is trained by this study, but gains are measured against {study.baseline} (the "
                f"study's `baseline`) on the same images; name a scenario: {', '.join(fitting) or 'none has its data'}"
            )
        others = [other for other in (*networks, *scenarios) if other != network.name]
        raise unknown_name("baseline", name, others)
    scenario = scenarios[name]
    _check_pairs(network, name, scenario.dataset, scenario.seeds)
    if network.name in scenario.methods:
        raise ValueError(f"scenario {name} trains a method of that name; give the network another")
    if len(levels := scenario.sparsities_for(scenario.baseline)) > 1:
        raise ValueError(
            f"scenario {name} trains its baseline {scenario.baseline} at several sparsities "
            f"({', '.join(f'{level:g}' for level in levels)}), and a network is compared with one"
        )
    return name


def _check_pairs(network: Network, other: str, dataset: str, seeds: Iterable[int]) -> None:
    """Raise ValueError unless a network and its baseline have a data set and a seed in common."""
    if dataset != network.dataset:
        raise ValueError(
            f"it is tested on {network.dataset}, its baseline {other} on {dataset}; "
            "networks are compared on the same images"
        )
    if not set(seeds) & set(network.files):
        ours, theirs = (", ".join(map(str, found)) for found in (network.files, seeds))
        raise ValueError(f"it has seed {ours}, its baseline {other} has {theirs}; pairs are of the same seed")


def _check_files(network: Network, scenario: str, study: Study) -> None:
    if (network.weights is None) == (network.seeds is None):
        raise ValueError("give either `weights`, one file, or `seeds`, as {0: a.pt, 1: b.pt}")
    if len({Path(path).resolve() for path in network.files.values()}) < len(network.files):
        raise ValueError("two of its `seeds` are the same file, whose difference says nothing about other trainings")
    for seed, path in network.files.items():
        run = Run(scenario, network.dataset, network.model, network.name, 0.0, seed)
        was_taken = Path(str(study.results_dir), run.folder, "model.pt").is_file()  # here, or in an archive
        if not Path(path).is_file() and not was_taken:
            raise ValueError(f"there is no file of weights {path}")


def _comparison(root: Network, networks: Mapping[str, Network], study: Study) -> Scenario:
    trained_on = data_trained_on(root.dataset, study)
    return Scenario(
        name=root.name,
        dataset=root.dataset,
        trained_on=trained_on,
        data=data_options(trained_on, study, (*SPEC, *PREPARE)),
        model=root.model,
        width=root.width,
        methods=(),
        sparsities=(),
        sparsities_of={},
        seeds=tuple(sorted({seed for network in networks.values() for seed in network.files})),
        corruptions=chosen_corruptions(study.corruptions, spec_of(root.dataset, study)),
        training=study.training,
        sparse_training=study.sparse_training,
        variants={},
        shifts=(),
        baseline=root.name,
        networks=networks,
    )


def shrink_comparison(comparison: Scenario, study: Study) -> Scenario:
    """Return a comparison for a smoke run: all networks, two corruptions."""
    data = data_options(comparison.trained_on, study, (*SPEC, *PREPARE))
    return replace(comparison, data=data, corruptions=comparison.corruptions[:2])
