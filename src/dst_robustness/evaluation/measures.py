"""Single numbers from a table of ``corruption_table``, and the difference of two tables with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dst_robustness.analysis import robustness
from dst_robustness.analysis.bootstrap import LEVEL, RESAMPLES, hierarchical_bootstrap
from dst_robustness.corruptions import SEVERITIES
from dst_robustness.evaluation.table import ImageScores

_RUN = ["network"]


@dataclass(frozen=True)
class Gain:
    """How much more robust one network is than another: the difference of robust accuracies with its interval.

    The interval is over test images. It speaks of these two networks, not of the methods that trained them.
    """

    value: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        return f"{100 * self.value:+.2f} points [{100 * self.low:+.2f}, {100 * self.high:+.2f}] over test images"


def robust_accuracy(table: pd.DataFrame) -> float:
    """Return the mean accuracy over all corruptions and severities, in [0, 1]."""
    return float(_corrupted(table)["accuracy"].mean())


def mean_corruption_error(table: pd.DataFrame, baseline: pd.DataFrame | None = None) -> float:
    """Return mCE in percent: the mean over corruptions of error / error of the baseline (Hendrycks & Dietterich 2019).

    Args:
        table: the table of one network.
        baseline: the table of another network on the same corruptions. None for AlexNet on ImageNet-C, which fits the
            fifteen corruptions of the benchmark at 224 pixels.

    NaN if the baseline makes no error on one. Raises ValueError if the two do not have the same corruptions and
    severities (AlexNet has all five), or, as far as the tables tell, are of other images.
    """
    errors = robustness.corruption_errors(_corrupted(table).assign(network=0), _RUN)
    if baseline is None:
        reference = pd.Series(robustness.ALEXNET_ERROR)
    else:
        reference = robustness.corruption_errors(_corrupted(baseline).assign(network=0), _RUN).iloc[0]
    if set(errors.columns) != set(reference.index):
        other = sorted(set(errors.columns) ^ set(reference.index))
        raise ValueError(f"mCE is of the same corruptions for both; only one has {', '.join(other)}")
    _check_same_severities(table, baseline, list(errors.columns))
    kept = [one.attrs.get(ImageScores.KEY) for one in (table, baseline) if one is not None]
    _check_same_images([scores for scores in kept if scores is not None])
    return float(robustness.mean_corruption_error(errors, reference[errors.columns]).iloc[0])


def calibration_error(table: pd.DataFrame) -> float:
    """Return the mean expected calibration error over all corruptions and severities, in [0, 1]."""
    ece = _corrupted(table)["ece"]
    if ece.isna().any():
        raise ValueError("the calibration error needs probabilities or logits; predict returned classes only")
    return float(ece.mean())


def gain(
    table: pd.DataFrame | Sequence[pd.DataFrame],
    baseline: pd.DataFrame | Sequence[pd.DataFrame],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Gain:
    """Return robust accuracy minus that of the baseline, with an interval paired by image.

    Args:
        table, baseline: tables of the same images and corruptions. For several trainings, give two lists of tables in
            the same order. They are paired one by one, and the interval is then over trainings and images.

    Raises ValueError if the tables are not of the same images and corruptions, or hold only a part of what they were
    made with.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; allowed: above 0 and below 1, as 0.95")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; allowed: whole numbers from 1 on")
    ours, theirs = _scores(table), _scores(baseline)
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} tables and {len(theirs)} of the baseline; trainings are compared in pairs")
    pairs = list(zip(ours, theirs, strict=True))
    first = pairs[0][0]
    if any(one.cells != first.cells for pair in pairs for one in pair):
        raise ValueError("the tables are of different corruptions or severities; a gain compares the same ones")
    _check_same_images([score for pair in pairs for score in pair])
    differences = np.stack([mine.scores - theirs.scores for mine, theirs in pairs])
    estimate = hierarchical_bootstrap([differences], resamples=resamples, images_seed=first.test_set)[0].within(-1, 1)
    return Gain(estimate.value, *estimate.interval(level), level)


def _check_same_severities(table: pd.DataFrame, baseline: pd.DataFrame | None, corruptions: Sequence[str]) -> None:
    """Raise ValueError if a corruption has other severities in the baseline; without one, if it has not all five."""
    of = [_severities(one) for one in (table, baseline) if one is not None]
    for name in corruptions:
        ours, theirs = of[0][name], of[1][name] if len(of) > 1 else list(SEVERITIES)
        if ours != theirs:
            whose = "of AlexNet" if baseline is None else "of the baseline"
            raise ValueError(f"mCE is of the same severities for both; {name} has {ours}, and {theirs} {whose}")


def _severities(table: pd.DataFrame) -> dict[str, list[int]]:
    return {name: sorted({*map(int, rows)}) for name, rows in _corrupted(table).groupby("corruption")["severity"]}


def _check_same_images(scores: Sequence[ImageScores]) -> None:
    for one in scores[1:]:
        if one.test_set != scores[0].test_set or len(one.scores) != len(scores[0].scores):
            raise ValueError("the tables are of different images or labels; networks are compared image by image")
        for name, value in one.recipe.items():
            if value != scores[0].recipe[name]:
                raise ValueError(
                    f"the images of the tables were corrupted otherwise: {name} is {scores[0].recipe[name]} and {value}"
                )


def _scores(tables: pd.DataFrame | Sequence[pd.DataFrame]) -> list[ImageScores]:
    tables = [tables] if isinstance(tables, pd.DataFrame) else tables
    found = [table.attrs.get(ImageScores.KEY) for table in tables]
    if not found or None in found:
        raise ValueError(
            "a table lacks its answers by image: give those that corruption_table returned in this process"
        )
    for table, scores in zip(tables, found, strict=True):
        rows = robustness.corrupted(table)
        there = set(zip(rows["corruption"], rows["severity"], strict=True))
        if there != set(scores.cells):
            raise ValueError(
                f"a table holds {len(there)} of the {len(scores.cells)} corruptions and severities that its answers by "
                "image are of; for a gain over some of them, give these to corruption_table"
            )
    return found


def _corrupted(table: pd.DataFrame) -> pd.DataFrame:
    rows = robustness.corrupted(table)
    if rows.empty:
        raise ValueError("the table holds no corruption")
    return rows
