"""Accuracy on clean images that keep only frequencies below, or only those above, a radius."""

from __future__ import annotations

from matplotlib.figure import Figure

from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import empty_figure, legend_below, method_style, new_figure

SIDES = {"low": "frequencies above the radius removed", "high": "frequencies below the radius removed"}


def draw(tables: StudyTables) -> Figure:
    """Draw two panels per scenario x sparsity from radius.csv, mean over seeds."""
    curves = tables.read("radius")
    if curves.empty:
        return empty_figure("radius-accuracy has not been measured")
    scenarios = list(curves.groupby("scenario", sort=False))
    figure, axes = new_figure(2 * len(scenarios), columns=tables.columns(2))
    for index, (scenario, part) in enumerate(scenarios):
        for axis, (side, title) in zip(axes[2 * index : 2 * index + 2], SIDES.items(), strict=True):
            kept = part[part["kept"] == side]
            for (method, sparsity), own in kept.groupby(["method", "sparsity"], sort=False):
                mean = own.groupby("radius")["accuracy"].mean()
                label = f"{method_name(method)} {sparsity:g}" if sparsity else method_name(method)
                axis.plot(mean.index, 100 * mean, label=label, **method_style(method))
            axis.set_title(f"{tables.title(scenario)}\n{title}", fontsize=7)
            axis.set_xlabel("radius (cycles per image)")
            axis.set_ylabel("accuracy (%)")
    legend_below(figure, axes)
    return figure
