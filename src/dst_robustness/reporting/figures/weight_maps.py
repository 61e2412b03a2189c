"""How non-zeros are distributed over the layers, and how many kernels and channels have none."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import empty_figure, legend_below, method_style, new_figure

QUANTITIES = {
    "density (%)": ("nonzeros", "weights"),
    "empty kernels (%)": ("empty_kernels", "kernels"),
    "empty input channels (%)": ("empty_input_channels", "input_channels"),
}


def draw(tables: StudyTables) -> Figure:
    """Draw three panels by layer for each scenario x sparsity of layers.csv, mean over seeds."""
    layers = tables.read("layers")
    layers = layers[layers["sparsity"] > 0] if len(layers) else layers
    if layers.empty:
        return empty_figure("no sparse network yet")
    groups = list(layers.groupby(["scenario", "sparsity"], sort=False))
    figure, axes = new_figure(3 * len(groups), columns=tables.columns(3))
    for index, ((scenario, sparsity), part) in enumerate(groups):
        for axis, (label, columns) in zip(axes[3 * index : 3 * index + 3], QUANTITIES.items(), strict=True):
            _draw_quantity(axis, part, columns)
            axis.set_title(f"{tables.title(scenario)}\nsparsity {sparsity:g}")
            axis.set_ylabel(label)
    legend_below(figure, axes)
    return figure


def _draw_quantity(axis: plt.Axes, layers: pd.DataFrame, columns: tuple[str, str]) -> None:
    for method, part in layers.groupby("method", sort=False):
        mean = part.groupby("layer", sort=False)[list(columns)].mean()
        axis.plot(np.arange(len(mean)), 100 * mean[columns[0]] / mean[columns[1]], label=method_name(method),
                  **method_style(method))  # fmt: skip
    axis.set_xlabel("layer, from input to output")
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
