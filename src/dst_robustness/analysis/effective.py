"""Robustness beyond what clean accuracy gives: effective robustness (Taori et al. 2020, arXiv:2007.00644).

Among networks that were trained alike, robust accuracy rises with clean accuracy. On the probit scale it follows a
line. The line of a scenario is fitted to its dense networks of several widths. Effective robustness is how far a
network lies above the line: the robust accuracy that a dense network of the same clean accuracy would not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dst_robustness.analysis.bootstrap import LEVEL, standard_errors

FEWEST_POINTS = 4


@dataclass(frozen=True)
class Answers:
    """How often each run of a row recognised each image, clean and corrupted: float [seeds, images] each."""

    clean: np.ndarray
    robust: np.ndarray

    @property
    def point(self) -> tuple[float, float]:
        """Return clean and robust accuracy on the probit scale."""
        means = self.clean.mean(dtype=np.float64), self.robust.mean(dtype=np.float64)
        return float(stats.norm.ppf(means[0])), float(stats.norm.ppf(means[1]))


@dataclass(frozen=True)
class Line:
    """The least-squares line through points (x, y) on the probit scale.

    Attributes:
        leverage: weight of each point in the height of the line at the mean x, and in its slope; float [2, points].
        scatter: standard deviation of the points around the line.
    """

    intercept: float
    slope: float
    centre: float
    leverage: np.ndarray
    scatter: float

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> Line | None:
        """Return the line, or None for fewer than four points, points of equal x, or points that are not finite."""
        x, y = np.array(points, dtype=float).reshape(-1, 2).T
        if len(x) < FEWEST_POINTS or not np.isfinite([x, y]).all() or np.ptp(x) < 1e-9:
            return None
        centred = x - x.mean()
        leverage = np.stack([np.full(len(x), 1 / len(x)), centred / np.square(centred).sum()])
        intercept, slope = leverage @ y
        residuals = y - intercept - slope * centred
        return cls(intercept, slope, x.mean(), leverage, float(np.sqrt(np.square(residuals).sum() / (len(x) - 2))))

    def at(self, x: float) -> float:
        """Return the line's y."""
        return self.intercept + self.slope * (x - self.centre)

    def error(self, x: float) -> float:
        """Return the standard error of the line's y."""
        return self.scatter * float(np.sqrt(np.square(self.weights(x)).sum()))

    def weights(self, x: float) -> np.ndarray:
        """Return the weight of each point's y in the line's y at x."""
        return self.leverage[0] + (x - self.centre) * self.leverage[1]


def effective_robustness(row: Answers, dense: Sequence[Answers]) -> tuple[float, float, float] | None:
    """Return how far a row's robust accuracy lies above the line of the dense rows, as a share, with a 95% interval.

    The error has three sources: the row's seeds, the line (from the scatter of the dense rows around it), and the test
    images, which the row and the line share. Their variances are added. Student's quantile has Welch's degrees of
    freedom.

    Args:
        row: the row that is judged.
        dense: the dense rows: the baseline and narrower networks, without the row itself.
    """
    points = [item.point for item in dense]
    line, (x, y) = Line.through(points), row.point
    if line is None or not np.isfinite([x, y]).all():
        return None
    # The line's robust accuracy at x. An error on the probit scale moves it in proportion to the density there.
    expected, density = stats.norm.cdf(line.at(x)), stats.norm.pdf(line.at(x))
    own = row.robust - density * line.slope / stats.norm.pdf(x) * row.clean
    of_line = density * line.error(x)
    parts = np.stack([_influence(item, line) for item in dense])
    of_seeds, of_images = standard_errors(own - density * line.weights(x) @ parts)
    # What a single dense row adds on an image is already part of the scatter around the line.
    alone = (parts - parts.mean(axis=0)).var(axis=1) * len(dense) / (len(dense) - 1) / parts.shape[1]
    of_images = np.sqrt(max(0.0, of_images**2 - density**2 * np.square(line.weights(x)) @ alone))
    variances, degrees = np.square([of_seeds, of_line]), np.array([max(len(own) - 1, 1), len(dense) - 2])
    total = variances.sum() + of_images**2
    value = float(row.robust.mean(dtype=np.float64) - expected)
    if total == 0:
        return value, value, value
    freedom = total**2 / max(float(np.sum(variances**2 / degrees)), 1e-300)
    half = float(stats.t.isf((1 - LEVEL) / 2, freedom) * np.sqrt(total))
    return value, value - half, value + half


def _influence(item: Answers, line: Line) -> np.ndarray:
    """Return what each image adds to a dense row's height above the line, on the probit scale; float [images]."""
    clean, robust = (stats.norm.pdf(value) for value in item.point)
    return item.robust.mean(axis=0) / robust - line.slope * item.clean.mean(axis=0) / clean
