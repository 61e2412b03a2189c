"""Where a gain comes from: the steps of a ladder from the baseline to the DST run.

The rungs, each with its step in brackets: baseline -> a smaller dense network (capacity) -> a random mask (sparsity) ->
the DST run's final mask, shuffled within each layer (allocation) -> that mask itself (topology) -> the DST run
(dynamics). A step is the difference of two neighbouring rungs, paired by seed and image. The steps sum to the gain. If
a rung is missing, its two steps become one.
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
# The registered controls that are rungs. The last two are named after the run that they start from.
SMALL, STATIC, SHUFFLED, FROZEN = "dense_small", "static", "dst_shuffled", "dst_frozen"
RANDOM_MASK = 2  # the place of the random mask among the rungs
JOIN = "+"
ATTRIBUTION_COLUMNS = ["scenario", "method", "sparsity", "step", "difference", "low", "high", "seeds"]

# The scores of the runs of one rung, by seed; float [images] each.
Rung = Mapping[int, np.ndarray]


@dataclass(frozen=True)
class Step:
    """The difference of two rungs as a share, with its 95% interval and its number of seeds."""

    step: str
    difference: float
    low: float
    high: float
    seeds: int


def attribute(rungs: Sequence[Rung | None]) -> list[Step]:
    """Return the steps between the rungs that exist, over the seeds that all of these have.

    Args:
        rungs: baseline, smaller dense network, random mask, shuffled mask, frozen mask, DST run. A missing rung is None
            or empty. Baseline and DST run must exist.

    Returns:
        One step between each pair of neighbours, with a name such as ``sparsity``, or ``capacity+sparsity`` if the rung
        between the two is missing. An empty list if there is no seed that all rungs have.
    """
    places, seeds = _shared(rungs)
    if not seeds:
        return []
    return [
        _step(JOIN.join(STEPS[low:high]), rungs[low], rungs[high], seeds)  # type: ignore[arg-type]
        for low, high in pairwise(places)
    ]


def moving(rungs: Sequence[Rung | None]) -> Step | None:
    """Return the gain of the DST run over the random mask, over the seeds of ``attribute``; None without that rung."""
    _, seeds = _shared(rungs)
    if not seeds or not rungs[RANDOM_MASK]:
        return None
    return _step(JOIN.join(STEPS[RANDOM_MASK:]), rungs[RANDOM_MASK], rungs[-1], seeds)  # type: ignore[arg-type]


def sentence(label: str, sparsity: float, steps: Sequence[Step], moved: Step) -> str:
    """Return a sentence: how much of a gain a random mask brings, and how much moving connections add.

    Args:
        label: the DST method as written in texts.
        sparsity: its sparsity, as a share.
        steps: all steps of its ladder.
        moved: the step from the random mask to the DST run.
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
    """Return the places of the rungs that exist, and the seeds that all of these have."""
    if len(rungs) != len(STEPS) + 1 or not rungs[0] or not rungs[-1]:
        raise ValueError(f"a ladder has {len(STEPS) + 1} rungs, and the first and the last must be there")
    places = [place for place, rung in enumerate(rungs) if rung]
    return places, sorted(set.intersection(*(set(rungs[place]) for place in places)))  # type: ignore[arg-type]


def _step(name: str, lower: Rung, upper: Rung, seeds: Sequence[int]) -> Step:
    differences = np.stack([np.subtract(upper[seed], lower[seed], dtype=np.float64) for seed in seeds])
    return Step(name, *mean_interval(differences), seeds=len(seeds))


def attribute_rows(runs: ScenarioRuns, sources: Mapping[str, str]) -> tuple[pd.DataFrame, list[dict]]:
    """Return the steps of each DST row that has a control (attribution.csv), and the sentences about them.

    Args:
        runs: the runs of one scenario.
        sources: for each control that starts from the masks of another method, the name of that method.
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
    """Return the name of the scenario's control of this kind that starts from the masks of ``source``."""
    for (name, _), members in runs.runs.items():
        described = next(iter(members.values())).description
        if (described.get("variant_of") or name) == base and sources.get(name) == source:
            return name
    return None
