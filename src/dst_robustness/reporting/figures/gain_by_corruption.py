"""Relative gain over the baseline, of DST or of a network from elsewhere, for each corruption and severity."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dst_robustness.analysis.gains import DST, corruption_order, relative_gains
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import DIVERGING, PANEL, empty_figure, new_figure


def draw(tables: StudyTables) -> Figure:
    """Draw one map per scenario: corruptions by their share of high frequencies (top: most) x severity.

    Colours are the relative gain in percent of the mean over all DST rows at 10-50% sparsity. Each network that was
    trained elsewhere has a map of its own.
    """
    gains = relative_gains(tables.read("corruptions"), tables.read("summary"))
    if gains.empty:
        return empty_figure("no DST run at 10-50% sparsity, or network from elsewhere, beside its baseline yet")
    shares = tables.read("frequency")
    maps = list(gains.groupby(["scenario", "whose"], sort=False))
    rows = max(8, *(part["corruption"].nunique() for _, part in maps))
    figure, axes = new_figure(len(maps), columns=tables.columns(3), size=(PANEL[0], 0.9 + 0.17 * rows))
    for axis, ((scenario, whose), part) in zip(axes, maps, strict=True):
        table = 100 * part.pivot_table(index="corruption", columns="severity", values="relative_gain", sort=False)
        order, measured = corruption_order(table.index, part["dataset"].iloc[0], None if shares.empty else shares)
        _draw_map(figure, axis, table.loc[order])
        axis.set_title(tables.title(scenario) if whose == DST else f"{whose} beside {scenario}")
        axis.set_ylabel("high frequencies →" if measured else "")
    return figure


def _draw_map(figure: Figure, axis: plt.Axes, table: pd.DataFrame) -> None:
    values = table.to_numpy()
    limit = max(0.1, float(np.nanmax(np.abs(values))))
    image = axis.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.7 * limit else "black"
            axis.text(column, row, f"{value:+.1f}", ha="center", va="center", fontsize=5.5, color=colour)
    axis.set_xticks(range(table.shape[1]), table.columns)
    axis.set_yticks(range(table.shape[0]), [name.replace("_", " ") for name in table.index])
    axis.set_xlabel("severity")
    axis.grid(visible=False)
    axis.tick_params(length=0)
    figure.colorbar(image, ax=axis, label="relative gain (%)", shrink=0.8)
