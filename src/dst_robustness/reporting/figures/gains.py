"""Gain of every row with its interval, one panel per sparsity: where each method wins, for all scenarios together."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from dst_robustness.analysis.words import BASELINE_ROW
from dst_robustness.reporting.figures.robustness_by_sparsity import MARKS
from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import BLACK, GREY, PANEL, empty_figure, legend_below, method_style, new_figure

LONG = 3  # intervals that are so many times as long as the median are cut


def draw(tables: StudyTables) -> Figure:
    """Draw a line of points for each scenario. The panel of sparsity 0 has other baselines and dense rivals.

    Networks that were trained elsewhere have a panel of their own.
    """
    rows = tables.read("summary")
    if rows.empty or (rows["verdict"] == BASELINE_ROW).all():
        return empty_figure("no gain over the baseline yet")
    gains = rows[rows["verdict"] != BASELINE_ROW]
    scenarios = list(dict.fromkeys(gains["scenario"]))
    panels = list(gains.groupby([~gains["trained_here"].astype(bool), "sparsity"]))
    height = max(PANEL[1], 0.12 * len(gains) / len(panels) + 0.3 * len(scenarios) + 0.6)
    columns = tables.columns(3)
    figure, axes = new_figure(len(panels), columns=columns, size=(PANEL[0], height))
    names = [tables.title(name).replace(" (", "\n(") for name in scenarios]
    for number, (axis, ((elsewhere, sparsity), part)) in enumerate(zip(axes, panels, strict=True)):
        _draw_panel(axis, part, scenarios)
        axis.set_yticks(range(len(scenarios)), [] if number % columns else names)
        axis.set_xlim(*shown(part))
        axis.set_ylim(len(scenarios) - 0.5, -0.5)
        axis.set_title("trained elsewhere" if elsewhere else f"sparsity {sparsity:g}" if sparsity else "dense")
        axis.set_xlabel("gain (points)")
    legend_below(figure, axes)
    return figure


def shown(gains: pd.DataFrame) -> tuple[float, float]:
    """Return the gains between which a panel shows intervals, in points: a few very long ones are cut."""
    half = (gains["gain_high"] - gains["gain_low"]) / 2
    reach = half.clip(upper=LONG * half.median()).fillna(0)
    ends = 100 * pd.concat([gains["gain"] - reach, gains["gain"] + reach, gains["margin"], -gains["margin"]])
    edge = 0.05 * (ends.max() - ends.min())
    return ends.min() - edge, ends.max() + edge


def _draw_panel(axis: plt.Axes, gains: pd.DataFrame, scenarios: list[str]) -> None:
    axis.axvline(0, color=BLACK, lw=0.8)
    for side in (-100, 100):
        axis.axvline(side * gains["margin"].iloc[0], color=BLACK, lw=0.5, ls=(0, (1, 3)))
    methods = list(dict.fromkeys(gains["method"]))
    for number, method in enumerate(methods):
        part = gains[gains["method"] == method]
        offset = 0.7 * ((number + 0.5) / len(methods) - 0.5)
        places = [scenarios.index(name) + offset for name in part["scenario"]]
        middle = 100 * part["gain"]
        errors = [middle - 100 * part["gain_low"], 100 * part["gain_high"] - middle]
        style = method_style(method) | {"linestyle": "none"}
        axis.errorbar(middle, places, xerr=errors, label=method_name(method), elinewidth=0.8, **style)
        for row, place in zip(part.itertuples(), places, strict=True):
            axis.annotate(MARKS.get(row.verdict, ""), (100 * row.gain, place), (0, 2), textcoords="offset points",
                          ha="center", fontsize=8, fontweight="bold")  # fmt: skip
    for border in range(1, len(scenarios)):
        axis.axhline(border - 0.5, color=GREY, lw=0.4)
