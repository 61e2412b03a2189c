"""How long a study takes on a number of GPUs: a simulation from the seconds that its jobs took, or are assumed to take.

    python benchmarks/scaling.py config/paper.yaml
    python benchmarks/scaling.py config/paper.yaml --results results --gpus 4 32 256

With ``--results`` the median seconds of finished jobs, from the benchmark files of a study, replace the assumptions for
the data sets and models that are found there. Every line says which of the two it rests on.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from dst_robustness.jobs.progress import measured_seconds
from dst_robustness.study.configuration import read_layer, read_study
from dst_robustness.study.grid import Scenario, read_scenarios, shared_networks

ROOT = Path(__file__).parents[1]
# Sizes of the official splits: training and test samples.
SAMPLES = {
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "tiny_imagenet": (100_000, 10_000),
    "imagenet": (1_281_167, 50_000),
    "ucf101": (9_537, 3_783),
    "digits": (1_347, 450),
}
# ASSUMED, not measured: samples that one GPU of the H100 class trains in a second. Replace them by your own.
ASSUMED_RATES = {
    "resnet8": 30_000.0,
    "vgg16": 20_000.0,
    "resnet34": 12_000.0,
    "efficientnet_b0": 6_000.0,
    "resnet50": 2_500.0,
    "deit_base": 1_000.0,
    "r3d50": 120.0,
    "i3d": 150.0,
}
ASSUMED_START = 30.0  # seconds from the start of a job to its first step, data on their way to the GPU included
TEST_SPEED = 3.0  # a test pass has no backward pass: a third of the work of training


def assumed_seconds(scenario: Scenario) -> tuple[float, float]:
    """Return the assumed seconds of one training and of one evaluation."""
    train, test = SAMPLES[scenario.trained_on]
    rate = ASSUMED_RATES[scenario.model]
    tested = test * (1 + 5 * len(scenario.corruptions))
    return ASSUMED_START + train * scenario.training.epochs / rate, ASSUMED_START + tested / rate / TEST_SPEED


def makespan(chains: Sequence[tuple[float, Sequence[float]]], gpus: int) -> float:
    """Return the seconds until all is done on so many GPUs.

    Args:
        chains: seconds of a training, and of the evaluations that wait for it.
        gpus: each takes the next waiting job, an evaluation before a training, long trainings first.
    """
    order = count()
    waiting = [(1, -train, next(order), train, list(tests)) for train, tests in chains]
    heapq.heapify(waiting)
    running: list[tuple[float, int, list[float]]] = []
    now = 0.0
    while waiting or running:
        while waiting and len(running) < gpus:
            *_, seconds, following = heapq.heappop(waiting)
            heapq.heappush(running, (now + seconds, next(order), following))
        now, _, following = heapq.heappop(running)
        for seconds in following:
            heapq.heappush(waiting, (0, -seconds, next(order), seconds, []))
    return now


def seconds_of(scenario: Scenario, results: Path | None) -> tuple[float, float, str]:
    """Return the seconds of one training and one evaluation, and what they rest on."""
    folder = results / "benchmarks/runs" / scenario.name if results else None
    found = [measured_seconds(folder, step) if folder else None for step in ("train", "evaluate")]
    if None in found and scenario.trained_on in SAMPLES and scenario.model in ASSUMED_RATES:
        return *assumed_seconds(scenario), "ASSUMED"
    if None in found:
        raise SystemExit(f"no assumption for {scenario.model} on {scenario.trained_on}: add one, or give --results")
    return found[0], found[1], "measured"  # type: ignore[return-value]


def chains_of(scenarios: Mapping[str, Scenario], results: Path | None) -> dict[str, tuple[float, list[float]]]:
    """Return each network's seconds of training and of its evaluations, and print a line a scenario."""
    chains: dict[str, tuple[float, list[float]]] = {}
    shared = shared_networks(scenarios.values())
    print(f"{'scenario':32}{'runs':>6}{'train':>10}{'evaluate':>10}{'GPU hours':>11}  from")
    for scenario in scenarios.values():
        train, evaluate, source = seconds_of(scenario, results)
        new = 0
        for run in scenario.runs:
            network = shared.get(run, run).folder
            new += network not in chains
            chains.setdefault(network, (train, []))[1].append(evaluate)
        hours = (new * train + len(scenario.runs) * evaluate) / 3600
        print(f"{scenario.name:32}{len(scenario.runs):6}{train:9.0f}s{evaluate:9.0f}s{hours:11.1f}  {source}")
    return chains


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configuration", type=Path, nargs="?", default=ROOT / "config/paper.yaml")
    parser.add_argument("--results", type=Path, help="results_dir of a study with finished jobs")
    parser.add_argument("--gpus", type=int, nargs="+", default=[4, 32, 256])
    arguments = parser.parse_args()
    scenarios = read_scenarios(read_study(read_layer(arguments.configuration)))
    chains = chains_of(scenarios, arguments.results)
    evaluations = sum(len(tests) for _, tests in chains.values())
    total = sum(train + sum(tests) for train, tests in chains.values())
    print(f"\n{len(chains)} trainings, {evaluations} evaluations, {total / 3600:.0f} GPU hours")
    for gpus in arguments.gpus:
        hours = makespan(list(chains.values()), gpus) / 3600
        print(f"{gpus:4} GPUs: {hours:8.1f} hours, {total / 3600 / hours / gpus:4.0%} of the GPUs' time used")


if __name__ == "__main__":
    main()
