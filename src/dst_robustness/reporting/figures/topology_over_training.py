"""How the topology changes during training: the share of weights ever active so far, and the share active now."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dst_robustness.reporting.figures.training_curves import usual_sparsity
from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import BLACK, empty_figure, legend_below, method_style, new_figure


def draw(tables: StudyTables) -> Figure:
    """Draw ITOP rate and density by step for each scenario of topology.csv, at the sparsity that most methods have."""
    curves = tables.read("topology")
    if curves.empty:
        return empty_figure("no topology has moved yet")
    scenarios = list(curves.groupby("scenario", sort=False))
    figure, axes = new_figure(2 * len(scenarios), columns=tables.columns(2))
    for index, (scenario, part) in enumerate(scenarios):
        level = usual_sparsity(part)
        shown = part[part["sparsity"] == level]
        left, right = axes[2 * index : 2 * index + 2]
        left.axhline(100 * (1 - level), color=BLACK, lw=0.8, ls=":", label="fixed mask")
        _draw_curves(left, shown, "itop_rate")
        left.set_ylabel("ever active (%)")
        _draw_curves(right, shown, "density")
        right.set_ylabel("active (%)")
        for axis in (left, right):
            axis.set_title(f"{tables.title(scenario)}\nsparsity {level:g}")
            axis.set_xlabel("optimiser step")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axis.set_ylim(100 * (1 - level) - 4, 102)
    legend_below(figure, axes)
    return figure


def _draw_curves(axis: plt.Axes, curves: pd.DataFrame, column: str) -> None:
    for method, part in curves.groupby("method", sort=False):
        style = method_style(method) | {"markersize": 2.5, "markevery": max(1, len(part) // 10), "linewidth": 1.0}
        axis.plot(part["step"], 100 * part[column], label=method_name(method), **style)
