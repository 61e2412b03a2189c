"""Where a gain comes from: one step of the ladder from the baseline to the DST run after the other.

baseline -> a smaller dense network (capacity) -> a random mask (sparsity) -> the DST run's final mask, shuffled within
each layer (allocation) -> that mask itself (topology) -> the DST run (dynamics). Each step is the difference of two
rungs, paired by seed and image. The steps sum to the gain. Where a rung is missing, its two steps are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from dst_robustness.analysis.bootstrap import mean_interval
from dst_robustness.analysis.loading import ScenarioRuns

STEPS = ("capacity", "sparsity", "allocation", "topology", "dynamics")
# The registered controls that are rungs; the last two are named by the run that they start from.
SMALL, STATIC, SHUFFLED, FROZEN = "dense_small", "static", "dst_shuffled", "dst_frozen"
RANDOM_MASK = 2  # the place of the random mask among the rungs
JOIN = "+"
ATTRIBUTION_COLUMNS = ["scenario", "method", "sparsity", "step", "difference", "low", "high", "seeds"]

# Scores of the runs of one rung, float [images] each, by seed.
Rung = Mapping[int, np.ndarray]


@dataclass(frozen=True)
class Step:
    """A difference of two rungs, as a share, with its 95% interval; of how many seeds."""

    step: str
    difference: float
    low: float
    high: float
    seeds: int


def attribute(rungs: Sequence[Rung | None]) -> list[Step]:
    """Return the steps between the rungs that are there, over the seeds that all of them have.

    Args:
        rungs: baseline, smaller dense network, random mask, shuffled mask, frozen mask, DST run; None or empty where
            there is none. Baseline and DST run must be there.

    Returns:
        One step between neighbours, named ``sparsity``, or ``capacity+sparsity`` where a rung between them is missing.
        Without a seed that all rungs have, nothing.
    """
    places, seeds = _shared(rungs)
    if not seeds:
        return []
    return [
        _step(JOIN.join(STEPS[low:high]), rungs[low], rungs[high], seeds)  # type: ignore[arg-type]
        for low, high in pairwise(places)
    ]


def moving(rungs: Sequence[Rung | None]) -> Step | None:
    """Return what the DST run adds to the random mask, over the seeds of ``attribute``; None without a random mask."""
    _, seeds = _shared(rungs)
    if not seeds or not rungs[RANDOM_MASK]:
        return None
    return _step(JOIN.join(STEPS[RANDOM_MASK:]), rungs[RANDOM_MASK], rungs[-1], seeds)  # type: ignore[arg-type]


def sentence(label: str, sparsity: float, steps: Sequence[Step], moved: Step) -> str:
    """Return in words how much of a gain comes with a random mask, and how much with moving connections.

    Args:
        label: written form of the DST method.
    """
    gain = sum(step.difference for step in steps)
    points = lambda value: f"{100 * value:+.1f}"  # noqa: E731
    interval = f"[{points(moved.low)}, {points(moved.high)}]"
    seeds = "1 seed: this speaks of these networks only" if moved.seeds == 1 else f"{moved.seeds} seeds"
    return (
        f"{label} at {100 * sparsity:g}% sparsity: of {points(gain)} points, {points(gain - moved.difference)} come "
        f"with a random mask; moving connections adds {points(moved.difference)} {interval} ({seeds})."
    )


def _shared(rungs: Sequence[Rung | None]) -> tuple[list[int], list[int]]:
    """Return the places of the rungs that are there, and the seeds that all of them have."""
    if len(rungs) != len(STEPS) + 1 or not rungs[0] or not rungs[-1]:
        raise ValueError(f"a ladder has {len(STEPS) + 1} rungs, and the first and the last must be there")
    places = [place for place, rung in enumerate(rungs) if rung]
    return places, sorted(set.intersection(*(set(rungs[place]) for place in places)))  # type: ignore[arg-type]


def _step(name: str, lower: Rung, upper: Rung, seeds: Sequence[int]) -> Step:
    differences = np.stack([np.subtract(upper[seed], lower[seed], dtype=np.float64) for seed in seeds])
    return Step(name, *mean_interval(differences), seeds=len(seeds))


def attribute_rows(runs: ScenarioRuns, sources: Mapping[str, str]) -> tuple[pd.DataFrame, list[dict]]:
    """Return the steps of each DST row of a scenario that has a control (attribution.csv), and what is said of them.

    Args:
        sources: of controls that start from the masks of another method, by name, the name of that method.
    """
    table, said = [], []
    for (method, sparsity), own in runs.runs.items():
        run = next(iter(own.values()))
        reference = runs.reference((method, sparsity))
        if not run.description["dst"] or reference is None:
            continue
        names = [SMALL, STATIC, *(_control(runs, base, method, sources) for base in (SHUFFLED, FROZEN))]
        keys = [reference, *((name, sparsity) if name else None for name in names), (method, sparsity)]
        rungs = [{seed: item.scores for seed, item in runs.runs.get(key, {}).items()} if key else None for key in keys]
        if not any(rungs[1:-1]):
            continue
        steps, moved = attribute(rungs), moving(rungs)
        row = {"scenario": run.run.scenario, "method": method, "sparsity": sparsity}
        table += [row | asdict(step) for step in steps]
        if moved is not None:
            words = sentence(run.description.get("label", method), sparsity, steps, moved)
            said.append(row | asdict(moved) | {"sentence": words})
    return pd.DataFrame(table, columns=ATTRIBUTION_COLUMNS), said


def _control(runs: ScenarioRuns, base: str, source: str, sources: Mapping[str, str]) -> str | None:
    """Return the name under which a scenario has a control that starts from the masks of ``source``."""
    for (name, _), members in runs.runs.items():
        described = next(iter(members.values())).description
        if (described.get("variant_of") or name) == base and sources.get(name) == source:
            return name
    return None
