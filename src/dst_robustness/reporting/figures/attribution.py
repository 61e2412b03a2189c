"""Where a gain comes from: for each DST row a waterfall of steps with intervals."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import BLACK, GREY, empty_figure, new_figure

UP, DOWN = "#5E3C99", "#E66101"


def draw(tables: StudyTables) -> Figure:
    """Draw one panel per scenario, method and sparsity of attribution.csv."""
    steps = tables.read("attribution")
    if steps.empty:
        return empty_figure("no DST run beside a control (dense_small, static, dst_shuffled, dst_frozen)")
    rows = list(steps.groupby(["scenario", "method", "sparsity"], sort=False))
    summary = tables.read("summary").set_index(["scenario", "method", "sparsity"])
    figure, axes = new_figure(len(rows), columns=tables.columns(3))
    for axis, ((scenario, method, sparsity), part) in zip(axes, rows, strict=True):
        _draw_steps(axis, part, summary.loc[(scenario, method, sparsity)])
        axis.set_title(f"{tables.title(scenario)}\n{method_name(method)} {sparsity:g}")
    ends = [end for axis in axes for end in axis.get_ylim()]
    for axis in axes:  # steps of the same height are of the same size
        axis.set_ylim(min(ends), max(ends))
    return figure


def _draw_steps(axis: plt.Axes, part: pd.DataFrame, row: pd.Series) -> None:
    values = 100 * part["difference"].to_numpy()
    ends = values.cumsum()
    starts = ends - values
    errors = 100 * np.abs(part[["low", "high"]].to_numpy() - part[["difference"]].to_numpy()).T
    colours = [UP if value >= 0 else DOWN for value in values]
    axis.bar(range(len(values)), values, 0.7, bottom=starts, color=colours, alpha=0.75)
    axis.errorbar(range(len(values)), ends, errors, fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=2)
    axis.bar(len(values), ends[-1], 0.7, color=GREY)
    reach = 100 * np.abs(row[["gain_low", "gain_high"]].to_numpy(dtype=float) - row["gain"])
    axis.errorbar(len(values), ends[-1], reach[:, None], fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=2)
    for side in (-1, 1):
        axis.axhline(side * 100 * row["margin"], color=BLACK, lw=0.5, ls=(0, (1, 3)))
    for place, end in enumerate(ends):
        axis.plot([place - 0.35, place + 1.35], [end, end], color=BLACK, lw=0.4)
    names = [name.replace("+", "\n+ ") for name in part["step"]]
    axis.set_xticks(range(len(values) + 1), [*names, f"gain:\n{row['verdict']}"], rotation=30, ha="right", fontsize=6.5)
    axis.axhline(0, color=BLACK, lw=0.6)
    axis.set_ylabel("points of robust accuracy")
