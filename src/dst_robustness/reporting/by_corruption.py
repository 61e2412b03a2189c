"""The usual table of papers on corruptions: accuracy under each corruption and mCE, with one row per method."""

from __future__ import annotations

import pandas as pd

from dst_robustness.analysis.robustness import BENCHMARK, corrupted, has_benchmark
from dst_robustness.analysis.runs import ROW
from dst_robustness.reporting.names import row_header, row_names
from dst_robustness.reporting.table import Table
from dst_robustness.reporting.tables import number

# Short names as in the tables of the benchmark (Hendrycks & Dietterich 2019). Other names are written out.
SHORT = {
    "gaussian_noise": "Gauss.", "shot_noise": "Shot", "impulse_noise": "Impulse", "defocus_blur": "Defocus",
    "glass_blur": "Glass", "motion_blur": "Motion", "zoom_blur": "Zoom", "snow": "Snow", "frost": "Frost",
    "fog": "Fog", "brightness": "Bright", "contrast": "Contrast", "elastic_transform": "Elastic",
    "pixelate": "Pixel", "jpeg_compression": "JPEG",
}  # fmt: skip


def by_corruption_table(rows: pd.DataFrame, cells: pd.DataFrame) -> Table:
    """Return the accuracy of each row under each corruption, as means over severities and seeds.

    The columns are the benchmark's fifteen where all of them were tested, which are those of mCE, else all.

    Args:
        rows: summary.csv.
        cells: corruptions.csv.
    """
    # If scenarios were tested on different corruptions, each has the columns of all.
    names = list(dict.fromkeys(corrupted(cells)["corruption"]))
    fifteen = all(has_benchmark(part["corruption"]) for _, part in cells.groupby("scenario"))
    names = list(BENCHMARK) if fifteen and len(cells) else names
    means = corrupted(cells).groupby([*ROW, "corruption"], sort=False)["accuracy"].mean().unstack()
    table = []
    for names_of_row, row in zip(row_names(rows), rows.itertuples(), strict=True):
        own = means.loc[tuple(getattr(row, name) for name in ROW)]
        mean = row.robust_accuracy_15 if fifteen else row.robust_accuracy
        shown = [number(value, scale=100) for value in (row.clean_accuracy, *own[names], mean)]
        table.append([*names_of_row, *shown, number(row.mce)])
    what = "the benchmark's fifteen corruptions" if fifteen else "each corruption"
    caption = (
        f"Top-1 accuracy (%) on the clean test set and under {what}, over severities and seeds, their mean, and mCE in "
        "percent of the baseline (lower is better). Single cells have no intervals, so none is bold."
    )
    written = [SHORT.get(name, name.replace("_", " ")) for name in names]
    header = [*row_header(rows), "Clean", *written, "Mean", "mCE"]
    return Table(caption, header, table, upright=True)
