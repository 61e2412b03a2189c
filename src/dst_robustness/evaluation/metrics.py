"""From the stored predictions of one network to one row of metrics for each corruption and severity."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dst_robustness.jobs.files import atomic_path
from dst_robustness.sets.predictions import CLEAN, Predictions

BINS = 15
METRICS = ("corruption", "category", "severity", "accuracy", "ece", "nll")


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Return sum_b |B_b| / n * |accuracy(B_b) - confidence(B_b)| over bins (k / bins, (k + 1) / bins] of confidence.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3; 15 equal-width bins as there.

    Args:
        confidence: probability of the predicted class, float [N].
        correct: whether the prediction is right, bool [N].
    """
    index = np.clip(np.ceil(confidence.astype(np.float64) * bins).astype(int) - 1, 0, bins - 1)
    surplus = np.bincount(index, weights=correct.astype(np.float64) - confidence, minlength=bins)
    return float(np.abs(surplus).sum() / len(confidence))


def category(corruption: str) -> str:
    """Return the category of a corruption: ``clean`` for the clean test set, ``other`` for an unknown name."""
    if corruption == CLEAN:
        return CLEAN
    from dst_robustness.corruptions import KNOWN_CORRUPTIONS, VIDEO_CORRUPTIONS

    for registry in (KNOWN_CORRUPTIONS, VIDEO_CORRUPTIONS):
        if corruption in registry:
            return registry[corruption].category
    return "other"


def cell_metrics(predictions: Predictions) -> list[tuple[str, str, int, float, float, float]]:
    """Return the ``METRICS`` of each corruption x severity: accuracy [0, 1], ECE [0, 1] and NLL (nats) come last."""
    correct = predictions.correct
    return [
        (
            corruption,
            category(corruption),
            int(severity),
            float(correct[cell].mean()),
            expected_calibration_error(predictions.confidence[cell], correct[cell]),
            float(predictions.nll[cell].mean(dtype=np.float64)),
        )
        for cell, (corruption, severity) in enumerate(zip(predictions.corruptions, predictions.severities, strict=True))
    ]


def write_metrics(predictions_path: str | Path, target: str | Path) -> None:
    """Write the metrics of a file of predictions as CSV (columns ``METRICS``)."""
    rows = cell_metrics(Predictions.load(predictions_path))
    # Without pandas: to import it takes longer than many a small network needs for its answers.
    with atomic_path(target) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([METRICS, *rows])
