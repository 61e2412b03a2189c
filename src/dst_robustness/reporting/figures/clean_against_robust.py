"""Clean against robust accuracy: is robustness bought with clean accuracy, or does it come along?"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from dst_robustness.analysis.runs import is_baseline
from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import BLACK, empty_figure, legend_below, method_style, new_figure


def draw(tables: StudyTables) -> Figure:
    """Draw one panel per scenario: a point for each method and sparsity, larger for sparser."""
    return scatter(tables, "clean_accuracy", "clean accuracy (%)", scale=100)


def scatter(tables: StudyTables, column: str, label: str, scale: float) -> Figure:
    """Draw robust accuracy against a column of summary.csv, with lines through the dense run."""
    rows = tables.read("summary")
    rows = rows[rows[column].notna()]
    if rows.empty:
        return empty_figure(f"no run with {label} yet")
    scenarios = list(rows.groupby("scenario", sort=False))
    figure, axes = new_figure(len(scenarios), columns=tables.columns(3))
    for axis, (scenario, part) in zip(axes, scenarios, strict=True):
        for method, own in part.groupby("method", sort=False):
            _draw_method(axis, method, own, column, scale)
        axis.set_title(tables.title(scenario))
        axis.set_xlabel(label)
        axis.set_ylabel("robust accuracy (%)")
    legend_below(figure, axes)
    return figure


def _draw_method(axis: plt.Axes, method: str, rows: pd.DataFrame, column: str, scale: float) -> None:
    style = method_style(method)
    baseline = is_baseline(rows).all()
    if baseline:
        axis.axvline(scale * rows[column].iloc[0], color=BLACK, lw=0.6, ls=":", zorder=1)
        axis.axhline(100 * rows["robust_accuracy"].iloc[0], color=BLACK, lw=0.6, ls=":", zorder=1)
    size = 70 if baseline else 12 + 50 * rows["sparsity"]
    axis.scatter(
        scale * rows[column], 100 * rows["robust_accuracy"], s=size, marker=style["marker"], linewidths=1,
        edgecolors=style["color"], facecolors=style["markerfacecolor"], label=method_name(method), zorder=2,
    )  # fmt: skip
