"""Accuracy under corruption and natural shift against clean accuracy: does it rise with that, or at its expense?"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from dst_robustness.analysis.runs import ROW
from dst_robustness.analysis.words import BASELINE_ROW
from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import BLACK, empty_figure, legend_below, method_style, new_figure


@dataclass(frozen=True)
class Panel:
    """Rows of summary.csv, and the column for the vertical axis."""

    title: str
    rows: pd.DataFrame
    height: str = "robust_accuracy"
    label: str = "robust accuracy (%)"


def draw(tables: StudyTables) -> Figure:
    """Draw one panel per scenario, and one for each of its sets of natural shift.

    Each has a point for each method and sparsity; sparser ones are larger.
    """
    panels = scenario_panels(tables)
    shifts = tables.read("shifts")
    for (scenario, shift), part in shifts.groupby(["scenario", "shift"], sort=False) if len(shifts) else ():
        rows = tables.read("summary").merge(part[[*ROW, "accuracy"]], on=ROW)
        panels.append(Panel(tables.title(scenario), rows, "accuracy", f"accuracy on {shift} (%)"))
    return scatter(tables, panels, "clean_accuracy", "clean accuracy (%)", scale=100)


def scenario_panels(tables: StudyTables) -> list[Panel]:
    """Return a panel of robust accuracy for each scenario that compares something with its baseline."""
    rows = tables.read("summary")
    if rows.empty:
        return []
    parts = rows.groupby("scenario", sort=False)
    return [Panel(tables.title(name), part) for name, part in parts if (part["verdict"] != BASELINE_ROW).any()]


def scatter(tables: StudyTables, panels: list[Panel], column: str, label: str, scale: float) -> Figure:
    """Draw each panel against a column of summary.csv, with lines through the baseline."""
    panels = [panel for panel in panels if panel.rows[column].notna().any()]
    if not panels:
        return empty_figure(f"no two methods with {label} yet")
    figure, axes = new_figure(len(panels), columns=tables.columns(3))
    for axis, panel in zip(axes, panels, strict=True):
        for method, own in panel.rows[panel.rows[column].notna()].groupby("method", sort=False):
            _draw_method(axis, method, own, scale * own[column], 100 * own[panel.height])
        axis.set_title(panel.title)
        axis.set_xlabel(label)
        axis.set_ylabel(panel.label)
    legend_below(figure, axes)
    return figure


def _draw_method(axis: plt.Axes, method: str, rows: pd.DataFrame, across: pd.Series, up: pd.Series) -> None:
    style = method_style(method)
    baseline = (rows["verdict"] == BASELINE_ROW).all()
    if baseline:
        axis.axvline(across.iloc[0], color=BLACK, lw=0.6, ls=":", zorder=1)
        axis.axhline(up.iloc[0], color=BLACK, lw=0.6, ls=":", zorder=1)
    size = 70 if baseline else 12 + 50 * rows["sparsity"]
    axis.scatter(
        across, up, s=size, marker=style["marker"], linewidths=1,
        edgecolors=style["color"], facecolors=style["markerfacecolor"], label=method_name(method), zorder=2,
    )  # fmt: skip
