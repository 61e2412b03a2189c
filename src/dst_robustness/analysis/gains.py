"""Where the gain of DST comes from: relative gain for each corruption and severity."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dst_robustness.analysis.runs import BASELINE
from dst_robustness.analysis.verdict import in_range
from dst_robustness.predictions import CLEAN

CELL = ["dataset", "model", "corruption", "category", "severity"]


def relative_gains(cells: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return (accuracy of DST - accuracy of dense) / accuracy of dense by dataset, model, corruption and severity.

    Accuracies are means over seeds, and of DST over all of its rows in the hypothesis' range of sparsity.

    Args:
        cells: corruptions.csv.
        rows: summary.csv, which says which methods are dynamic.
    """
    dynamic = set(rows.loc[rows["dynamic"].astype(bool), "method"])
    cells = cells[cells["corruption"] != CLEAN]
    sparse = cells[cells["method"].isin(dynamic) & cells["sparsity"].map(in_range).astype(bool)]
    means = [part.groupby(CELL, sort=False)["accuracy"].mean() for part in (sparse, cells[cells["method"] == BASELINE])]
    gains = (means[0] / means[1] - 1).rename("relative_gain").dropna()
    return gains.reindex(means[0].index).dropna().reset_index()


def corruption_order(corruptions: Iterable[str], dataset: str, shares: pd.DataFrame | None) -> tuple[list[str], bool]:
    """Return corruptions by falling share of high-frequency energy, and whether that share is known for all of them.

    Args:
        shares: frequency.csv, with the columns dataset, corruption, severity, high_frequency_share; without it, or
            where it lacks a corruption, the given order stays.
    """
    corruptions = list(corruptions)
    if shares is None:
        return corruptions, False
    mean = shares[shares["dataset"] == dataset].groupby("corruption")["high_frequency_share"].mean()
    if not set(corruptions) <= set(mean.index):
        return corruptions, False
    return sorted(corruptions, key=lambda name: -mean[name]), True
