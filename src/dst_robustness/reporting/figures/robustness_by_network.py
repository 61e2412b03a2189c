"""Robust accuracy of networks that were trained elsewhere, beside the one that they are compared with."""

from __future__ import annotations

from matplotlib.figure import Figure

from dst_robustness.analysis.words import BASELINE_ROW
from dst_robustness.reporting.figures.robustness_by_sparsity import draw_baseline, draw_side_by_side
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import empty_figure, legend_below, new_figure


def draw(tables: StudyTables) -> Figure:
    """Draw one panel per scenario from summary.csv; bars and band are 95% intervals."""
    rows = tables.read("summary")
    tested = rows[~rows["trained_here"].astype(bool)] if len(rows) else rows
    if tested.empty:
        return empty_figure("no network is tested yet")
    scenarios = list(tested.groupby("scenario", sort=False))
    figure, axes = new_figure(len(scenarios), columns=tables.columns(3))
    for axis, (scenario, part) in zip(axes, scenarios, strict=True):
        own = rows[(rows["scenario"] == scenario) & (rows["verdict"] == BASELINE_ROW)]
        draw_baseline(axis, own.iloc[:1])
        # A network that is compared with no other has its point, too.
        draw_side_by_side(axis, part if len(part) == 1 else part[part["verdict"] != BASELINE_ROW])
        axis.set_title(tables.title(scenario))
        axis.set_xlabel("network")
        axis.set_ylabel("robust accuracy (%)")
    legend_below(figure, axes)
    return figure
