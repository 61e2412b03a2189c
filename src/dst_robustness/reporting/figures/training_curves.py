"""Training curves: loss and validation accuracy by epoch, mean over seeds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import empty_figure, legend_below, method_style, new_figure


def draw(tables: StudyTables) -> Figure:
    """Draw two panels per scenario from training.csv, at the sparsity that most methods have."""
    curves = tables.read("training")
    if curves.empty:
        return empty_figure("no training history yet")
    scenarios = list(curves.groupby("scenario", sort=False))
    figure, axes = new_figure(2 * len(scenarios), columns=tables.columns(2))
    for index, (scenario, part) in enumerate(scenarios):
        level = usual_sparsity(part)
        shown = part[part["sparsity"].isin([0, level])]  # dense networks have sparsity 0
        left, right = axes[2 * index : 2 * index + 2]
        _draw_curves(left, shown, "loss")
        left.set_ylabel("training loss")
        validated = shown["validation_accuracy"].notna().any()
        _draw_curves(right, shown, "validation_accuracy" if validated else "accuracy", scale=100)
        right.set_ylabel("validation accuracy (%)" if validated else "training accuracy (%)")
        for axis in (left, right):
            axis.set_title(f"{tables.title(scenario)}\nsparsity {level:g}")
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    legend_below(figure, axes)
    return figure


def usual_sparsity(rows: pd.DataFrame) -> float:
    """Return the sparsity that most methods have, given the columns method and sparsity; 0 if all are dense."""
    sparse = rows[rows["sparsity"] > 0]
    return sparse.groupby("sparsity")["method"].nunique().idxmax() if len(sparse) else 0.0


def _draw_curves(axis: plt.Axes, curves: pd.DataFrame, column: str, scale: float = 1) -> None:
    for method, part in curves.groupby("method", sort=False):
        style = method_style(method) | {"linewidth": 1.0}
        if len(part) > 1:  # a single epoch would show only a marker
            style["marker"] = ""
        axis.plot(part["epoch"], scale * part[column], label=method_name(method), **style)
