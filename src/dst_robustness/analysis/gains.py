"""The gain of DST by category of corruption, by severity, and for each corruption and severity."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from dst_robustness.analysis.robustness import corrupted
from dst_robustness.analysis.runs import ROW, RUN
from dst_robustness.analysis.words import BASELINE_ROW, in_range

CELL = ["scenario", "dataset", "corruption", "category", "severity"]
DST = "DST"


def of_baseline(cells: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Return which lines of a table belong to the baseline of their scenario.

    Args:
        cells: corruptions.csv or a part of it.
        rows: summary.csv; its verdicts name the baseline.
    """
    own = rows.loc[rows["verdict"] == BASELINE_ROW, ["scenario", "method"]]
    names = pd.MultiIndex.from_frame(cells[["scenario", "method"]])
    return pd.Series(names.isin(pd.MultiIndex.from_frame(own)), index=cells.index)


def relative_gains(cells: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return (own accuracy - that of the baseline) / that of the baseline by corruption and severity.

    Accuracies are means over seeds. That of DST is also a mean over its rows in the hypothesis' range of sparsity.

    Args:
        cells: corruptions.csv.
        rows: summary.csv, which says which methods are dynamic, which networks were trained elsewhere, and which row is
            the baseline.

    Returns:
        The columns of ``CELL``, whose (DST, or the name of a network that was trained elsewhere), relative_gain.
    """
    cells = corrupted(cells)
    baseline = of_baseline(cells, rows)
    dynamic, here = ({*rows.loc[rows[name].astype(bool), "method"]} for name in ("dynamic", "trained_here"))
    sparse = cells[cells["method"].isin(dynamic) & cells["sparsity"].map(in_range).astype(bool)]
    taken = cells[~cells["method"].isin(here) & ~baseline]
    own = pd.concat([sparse.assign(whose=DST), taken.assign(whose=taken["method"])])
    own = own.groupby([*CELL, "whose"], sort=False)["accuracy"].mean().reset_index()
    both = own.merge(
        cells[baseline].groupby(CELL, sort=False)["accuracy"].mean().rename("other").reset_index(), on=CELL
    )
    return both.assign(relative_gain=both["accuracy"] / both["other"] - 1)[[*CELL, "whose", "relative_gain"]]


def gains_by(cells: pd.DataFrame, rows: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return accuracy and gain over the baseline of each scenario x method x sparsity, by category or by severity.

    Both are means over seeds. The gain uses the seeds that also have a baseline run; it is NaN if there are none.

    Args:
        cells: corruptions.csv.
        rows: summary.csv, which says which method is the baseline.
        part: ``category`` or ``severity``.

    Returns:
        The columns scenario, dataset, model, method, sparsity, part (``noise``, 3, ...), accuracy, gain.
    """
    means = corrupted(cells).groupby([*RUN, part], sort=False)["accuracy"].mean().reset_index()
    own = means[of_baseline(means, rows)]
    # A baseline of one sparsity serves all rows. If it has several, each row has the one of its own sparsity.
    only = own.groupby("scenario")["sparsity"].agg(lambda levels: levels.iloc[0] if levels.nunique() == 1 else np.nan)
    means["reference"] = means["scenario"].map(only).fillna(means["sparsity"])
    pair = ["scenario", "reference", "seed", part]
    dense = own.rename(columns={"accuracy": "dense", "sparsity": "reference"})[[*pair, "dense"]]
    means = means.merge(dense, how="left", on=pair)
    means["gain"] = means["accuracy"] - means["dense"]
    rows = means.groupby([*ROW, part], sort=False)[["accuracy", "gain"]].mean().reset_index()
    return rows.rename(columns={part: "part"})


def corruption_order(corruptions: Iterable[str], dataset: str, shares: pd.DataFrame | None) -> tuple[list[str], bool]:
    """Return corruptions by falling share of high-frequency energy, and whether that share is known for all of them.

    Args:
        corruptions: names of corruptions.
        dataset: name of the data set.
        shares: frequency.csv, with the columns dataset, corruption, severity, high_frequency_share. If it is None or
            lacks a corruption, the given order stays.
    """
    corruptions = list(corruptions)
    if shares is None:
        return corruptions, False
    mean = shares[shares["dataset"] == dataset].groupby("corruption")["high_frequency_share"].mean()
    if not set(corruptions) <= set(mean.index):
        return corruptions, False
    return sorted(corruptions, key=lambda name: -mean[name]), True
