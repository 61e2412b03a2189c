"""Robust accuracy against sparsity for each method, with the dense line and its interval: the paper's main figure."""

from __future__ import annotations

from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dst_robustness.analysis.words import BASELINE_ROW, EQUIVALENT, FAILS, HOLDS
from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import BLACK, empty_figure, legend_below, method_style, new_figure

MARKS = {HOLDS: "+", FAILS: "-", EQUIVALENT: "="}
# More bars than this would hide the lines.
MOST_WITH_BARS = 6


def draw(tables: StudyTables) -> Figure:
    """Draw one panel per scenario from summary.csv; bars and band are 95% intervals.

    With more than six methods the bars are left out, and the dense band may reach beyond the panel.
    """
    rows = tables.read("summary")
    rows = rows[rows["trained_here"].astype(bool)] if len(rows) else rows
    if rows.empty:
        return empty_figure("no complete run yet")
    # A scenario of which only the baseline was trained compares nothing.
    compared = rows[rows["scenario"].isin(rows.loc[rows["verdict"] != BASELINE_ROW, "scenario"])]
    if compared.empty:
        return empty_figure("nothing beside the baseline yet")
    scenarios = list(compared.groupby("scenario", sort=False))
    figure, axes = new_figure(len(scenarios), columns=tables.columns(3))
    for axis, (scenario, part) in zip(axes, scenarios, strict=True):
        draw_baseline(axis, part[part["verdict"] == BASELINE_ROW].iloc[:1])
        sparse = part[part["verdict"] != BASELINE_ROW]
        if sparse["sparsity"].nunique() == 1:
            draw_side_by_side(axis, sparse)
            axis.set_xlabel(f"method, at sparsity {sparse['sparsity'].iloc[0]:g}")
        else:
            _draw_sparsities(axis, sparse)
        axis.set_title(tables.title(scenario))
        axis.set_ylabel("robust accuracy (%)")
    legend_below(figure, axes)
    return figure


def draw_baseline(axis: plt.Axes, baseline: pd.DataFrame) -> None:
    """Draw a line for each row, with a band for its interval and dotted lines at the margin."""
    for row in baseline.itertuples():
        axis.axhspan(100 * row.robust_accuracy_low, 100 * row.robust_accuracy_high, color=BLACK, alpha=0.08, lw=0)
        axis.axhline(100 * row.robust_accuracy, color=BLACK, lw=1.2, label=method_name(row.method))
        for side in (-1, 1):
            axis.axhline(100 * (row.robust_accuracy + side * row.margin), color=BLACK, lw=0.5, ls=(0, (1, 3)))


def _errors(part: pd.DataFrame) -> np.ndarray:
    middle = part["robust_accuracy"]
    return 100 * np.array([middle - part["robust_accuracy_low"], part["robust_accuracy_high"] - middle])


def _draw_sparsities(axis: plt.Axes, sparse: pd.DataFrame) -> None:
    methods = list(dict.fromkeys(sparse["method"]))
    steps = np.diff(np.sort(sparse["sparsity"].unique()))
    # The methods are side by side, so that their bars do not hide each other.
    spread = 0.5 * steps.min() if len(steps) else 0.0
    offsets = np.linspace(-spread / 2, spread / 2, len(methods)) if len(methods) > 1 else [0.0]
    bars = len(methods) <= MOST_WITH_BARS
    for method, offset in zip(methods, offsets, strict=True):
        part = sparse[sparse["method"] == method].sort_values("sparsity")
        axis.errorbar(
            part["sparsity"] + offset, 100 * part["robust_accuracy"], _errors(part) if bars else None,
            label=method_name(method), elinewidth=0.6, **method_style(method),
        )  # fmt: skip
        _mark_decided(axis, part, part["sparsity"] + offset)
    if not bars:
        _focus(axis, 100 * sparse["robust_accuracy"])
    axis.set_xticks(sorted(sparse["sparsity"].unique()))
    axis.set_xlabel("sparsity")


def _focus(axis: plt.Axes, values: pd.Series) -> None:
    """Limit the axis to the points, so that a wide band does not compress them."""
    low, high = axis.get_ylim()
    room = max(0.5, values.max() - values.min())
    axis.set_ylim(max(low, values.min() - room), min(high, values.max() + room))


def draw_side_by_side(axis: plt.Axes, rows: pd.DataFrame) -> None:
    """Draw a point with its interval for each row; all are of different methods or networks."""
    for place, method in enumerate(rows["method"]):
        part = rows[rows["method"] == method]
        axis.errorbar([place], 100 * part["robust_accuracy"], _errors(part), label=method_name(method), elinewidth=0.8,
                      **method_style(method))  # fmt: skip
        _mark_decided(axis, part, [place])
    axis.set_xticks(range(len(rows)), [method_name(method) for method in rows["method"]], rotation=45, ha="right")


def _mark_decided(axis: plt.Axes, rows: pd.DataFrame, places: Iterable[float]) -> None:
    """Write the mark of each decided row beside its point. Undecided rows have no mark."""
    for row, place in zip(rows.itertuples(), places, strict=True):
        axis.annotate(
            MARKS.get(row.verdict, ""), (place, 100 * row.robust_accuracy), (3, 1), textcoords="offset points",
            fontsize=8, fontweight="bold",
        )  # fmt: skip
