"""Robust accuracy, mean corruption error and their relatives from the cells of a run.

A table of cells has the columns corruption, category, severity, accuracy, ece, nll, with the clean test set as
corruption ``clean``, severity 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dst_robustness.predictions import CLEAN

# Mean error of AlexNet over the five severities of ImageNet-C (Hendrycks & Dietterich 2019), and on clean ImageNet.
ALEXNET_ERROR = {
    "gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.922640, "defocus_blur": 0.819880,
    "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.798360, "snow": 0.866816, "frost": 0.826572,
    "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204, "elastic_transform": 0.646056,
    "pixelate": 0.717840, "jpeg_compression": 0.606500,
}  # fmt: skip
ALEXNET_CLEAN_ERROR = 0.435
# The corruptions that count in mCE; the other four of the nineteen were meant for validation.
BENCHMARK = tuple(ALEXNET_ERROR)


def corrupted(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of corrupted test sets."""
    return cells[cells["corruption"] != CLEAN]


def corruption_errors(cells: pd.DataFrame) -> pd.Series:
    """Return the mean error over severities by corruption: of the benchmark's fifteen if all are there, else of all."""
    errors = 1 - corrupted(cells).groupby("corruption", sort=False)["accuracy"].mean()
    return errors[list(BENCHMARK)] if has_benchmark(errors.index) else errors


def has_benchmark(corruptions: pd.Index) -> bool:
    """Whether all fifteen corruptions of the benchmark are among these."""
    return set(BENCHMARK) <= set(corruptions)


def mean_corruption_error(errors: pd.Series, reference: pd.Series | Mapping[str, float]) -> float:
    """Return mCE in percent: the mean over corruptions of error / error of the reference (Hendrycks & Dietterich 2019).

    NaN where the reference makes no error on a corruption.
    """
    return _percent(errors, pd.Series(reference))


def relative_corruption_error(
    errors: pd.Series, clean_error: float, reference: pd.Series | Mapping[str, float], reference_clean_error: float
) -> float:
    """Return relative mCE in percent: as mCE, of what corruption adds to the clean error.

    NaN where the reference loses nothing under some corruption: the ratio says nothing then.
    """
    return _percent(errors - clean_error, pd.Series(reference) - reference_clean_error)


def _percent(errors: pd.Series, reference: pd.Series) -> float:
    reference = reference.reindex(errors.index)
    if reference.isna().any() or (reference <= 0).any():
        return float("nan")
    return float(100 * (errors / reference).mean())


def run_metrics(cells: pd.DataFrame) -> dict[str, float]:
    """Return accuracies (clean, robust, by category, by severity) and calibration of one run, by column name."""
    clean, bad = cells[cells["corruption"] == CLEAN], corrupted(cells)
    fifteen = bad[bad["corruption"].isin(BENCHMARK)]
    values = {
        "clean_accuracy": clean["accuracy"].mean(),
        "robust_accuracy": bad["accuracy"].mean(),
        "robust_accuracy_15": fifteen["accuracy"].mean() if has_benchmark(bad["corruption"]) else np.nan,
        "clean_ece": clean["ece"].mean(),
        "robust_ece": bad["ece"].mean(),
        "clean_nll": clean["nll"].mean(),
        "robust_nll": bad["nll"].mean(),
    }
    values |= {f"accuracy_{name}": value for name, value in bad.groupby("category")["accuracy"].mean().items()}
    values |= {f"accuracy_severity_{name}": value for name, value in bad.groupby("severity")["accuracy"].mean().items()}
    return values


def error_metrics(cells: pd.DataFrame, dense_cells: pd.DataFrame | None, *, alexnet: bool) -> dict[str, float]:
    """Return mCE and relative mCE of a run against its dense run and, if asked, against AlexNet on ImageNet-C."""
    errors, clean_error = corruption_errors(cells), 1 - _clean_accuracy(cells)
    values = {"mce": np.nan, "relative_mce": np.nan}
    if dense_cells is not None:
        dense_errors, dense_clean = corruption_errors(dense_cells), 1 - _clean_accuracy(dense_cells)
        values["mce"] = mean_corruption_error(errors, dense_errors)
        values["relative_mce"] = relative_corruption_error(errors, clean_error, dense_errors, dense_clean)
    if alexnet and has_benchmark(errors.index):
        values["mce_alexnet"] = mean_corruption_error(errors, ALEXNET_ERROR)
        values["relative_mce_alexnet"] = relative_corruption_error(
            errors, clean_error, ALEXNET_ERROR, ALEXNET_CLEAN_ERROR
        )
    return values


def _clean_accuracy(cells: pd.DataFrame) -> float:
    return float(cells.loc[cells["corruption"] == CLEAN, "accuracy"].mean())
