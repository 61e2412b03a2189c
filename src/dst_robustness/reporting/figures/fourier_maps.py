"""Fourier heat maps: the error under each wave of fixed norm, of the baseline, of DST, and their difference."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dst_robustness.analysis.gains import of_baseline
from dst_robustness.evaluation.frequency_response import error_map
from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import DIVERGING, SEQUENTIAL, empty_figure, new_figure


def draw(tables: StudyTables) -> Figure:
    """Draw baseline, DST and their difference for each row in fourier.csv, as means over seeds."""
    errors, rows = tables.read("fourier"), tables.read("summary")
    if errors.empty or rows.empty or not (own := of_baseline(errors, rows)).any():
        return empty_figure("Fourier heat maps have not been measured")
    mean = errors.groupby(["scenario", "method", "sparsity", "row", "column"], sort=False)["error"].mean()
    maps = {key: error_map(part.reset_index()) for key, part in mean.groupby(level=[0, 1, 2], sort=False)}
    keys = errors.loc[own, ["scenario", "method", "sparsity"]].drop_duplicates()
    baselines = {key[0]: key for key in keys.itertuples(index=False, name=None)}
    pairs = [(key, maps[baselines[key[0]]]) for key in maps if baselines.get(key[0], key) != key]
    if not pairs:
        return empty_figure("Fourier heat maps of a method beside the baseline have not been measured")
    figure, axes = new_figure(3 * len(pairs), columns=tables.columns(3), size=(2.3, 2.1))
    for index, (key, baseline) in enumerate(pairs):
        scenario, method, sparsity = key
        name, reference = f"{method_name(method)} {sparsity:g}", method_name(baselines[scenario][1])
        own = axes[3 * index : 3 * index + 3]
        top = float(np.nanmax([baseline.max(), maps[key].max()]))
        _draw_map(figure, own[0], baseline, f"{tables.title(scenario)}\n{reference}", SEQUENTIAL, 0, top)
        _draw_map(figure, own[1], maps[key], name, SEQUENTIAL, 0, top)
        difference = maps[key] - baseline
        limit = max(1e-3, float(np.abs(difference).max()))
        _draw_map(figure, own[2], difference, f"{name} minus {reference}", DIVERGING, limit, -limit)
    return figure


def _draw_map(
    figure: Figure, axis: plt.Axes, values: np.ndarray, title: str, colours: str, low: float, high: float
) -> None:
    # In all figures purple is good for DST. Fewer errors are good, so colours are reversed for a difference in error.
    if low > high:
        colours, low, high = f"{colours}_r", high, low
    reach = len(values) // 2 + 0.5
    image = axis.imshow(
        100 * values, cmap=colours, vmin=100 * low, vmax=100 * high, extent=(-reach, reach, reach, -reach)
    )
    axis.set_title(title, fontsize=7)
    axis.grid(visible=False)
    axis.set_xticks([0])
    axis.set_yticks([0])
    figure.colorbar(image, ax=axis, shrink=0.8, label="error (%)" if low >= 0 else "points")
