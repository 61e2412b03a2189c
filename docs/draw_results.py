"""Draw results/map.png from results/map/runs.csv, and print the figures that results.md states.

Run ``python docs/draw_results.py`` after a change of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from dst_robustness.reporting.style import BLACK, GREY, legend_below, method_style, new_figure, save

FOLDER = Path(__file__).parent / "results"
DYNAMIC = ("set", "rigl", "mest_g")
SERIES = {
    "DST: SET, RigL, MEST-g": (DYNAMIC, method_style("rigl")),
    "static masks": (("static",), method_style("static")),
    "dense with AugMix": (("dense_augmix",), method_style("dense")),
}
Interval = tuple[float, float]  # the middle and the half-width of a 95% interval


def differences(runs: pd.DataFrame, methods: Sequence[str], value: str, rival: Sequence[str] = ("dense",)) -> pd.Series:
    """Return, for each seed of one point, the mean over the rows of ``methods`` minus that of ``rival``, in points."""
    return 100 * (_by_seed(runs, methods, value) - _by_seed(runs, rival, value)).dropna()


def _by_seed(runs: pd.DataFrame, methods: Sequence[str], value: str) -> pd.Series:
    rows = runs[runs["method"].isin(methods)]
    return rows.pivot(index="seed", columns=["method", "sparsity"], values=value).dropna().mean(axis=1)


def interval(sample: pd.Series) -> Interval:
    """Return the mean and the half-width of its 95% interval, by Student's t over seeds."""
    return sample.mean(), stats.t.ppf(0.975, len(sample) - 1) * sample.sem()


def over_points(samples: Sequence[pd.Series]) -> Interval:
    """Return the mean over points and its half-width. The points are fixed; chance is in the seeds."""
    return float(np.mean([s.mean() for s in samples])), 1.96 * np.sqrt(sum(s.sem() ** 2 for s in samples)) / len(
        samples
    )


def title(point: str) -> str:
    """Return how the figure names a point, such as narrow_4k_long."""
    width, images, length = point.split("_")
    return f"{width}, {images.replace('k', ',000')} images, {length}"


def draw(points: dict[str, pd.DataFrame]) -> None:
    """Draw the gains over dense of each point, and their mean over points at the bottom."""
    figure, (axis,) = new_figure(1, size=(6.5, 5.2))
    for number, (label, (methods, style)) in enumerate(SERIES.items()):
        samples = [differences(runs, methods, "robust_accuracy") for runs in points.values()]
        gains = [*map(interval, samples), over_points(samples)]
        places = np.arange(len(gains)) + 0.22 * (number - 1)
        middle, half = np.transpose(gains)
        axis.errorbar(middle, places, xerr=half, label=label, elinewidth=0.9, **style | {"linestyle": "none"})
    axis.axvline(0, color=BLACK, lw=0.8)
    axis.axvspan(-0.5, 0.5, color=GREY, alpha=0.15, lw=0)
    axis.axhline(len(points) - 0.5, color=GREY, lw=0.6)
    seeds = [f"{len(differences(runs, DYNAMIC, 'robust_accuracy'))} seeds" for runs in points.values()]
    names = [f"{title(point)} ({count})" for point, count in zip(points, seeds, strict=True)]
    axis.set_yticks(range(len(points) + 1), [*names, "mean of the ten"])
    axis.set_ylim(len(points) + 0.5, -0.5)
    axis.set_xlabel("gain over dense in robust accuracy, in points, with its 95% interval over seeds")
    legend_below(figure, [axis])
    save(figure, FOLDER / "map", ["png"])


def tell(points: dict[str, pd.DataFrame]) -> None:
    """Print each mean over points with its half-width."""
    for value in ("robust_accuracy", "clean_accuracy", "accuracy_noise", "accuracy_blur", "robust_ece"):
        for label, (methods, _) in SERIES.items():
            middle, half = over_points([differences(runs, methods, value) for runs in points.values()])
            print(f"{value:16} {label:24} {middle:+.2f} +- {half:.2f}")
    for label, (methods, _) in SERIES.items():
        contrast = [
            differences(runs, methods, "accuracy_noise") - differences(runs, methods, "accuracy_blur")
            for runs in points.values()
        ]
        beyond = [
            differences(runs, methods, "robust_accuracy") - differences(runs, methods, "clean_accuracy")
            for runs in points.values()
        ]
        print(f"{label:24} noise minus blur {over_points(contrast)}, robust minus clean gain {over_points(beyond)}")
    moving = [differences(runs, DYNAMIC, "robust_accuracy", ("static",)) for runs in points.values()]
    print("DST minus static", over_points(moving))
    for point, runs in points.items():
        middle, half = interval(differences(runs, DYNAMIC, "robust_accuracy"))
        dense = runs[runs["method"] == "dense"].mean(numeric_only=True)
        print(f"{point:17} dense: training {dense['training_accuracy']:.1%}, clean {dense['clean_accuracy']:.1%}, "
              f"robust {dense['robust_accuracy']:.1%}; DST {middle:+.2f} +- {half:.2f}")  # fmt: skip


if __name__ == "__main__":
    table = pd.read_csv(FOLDER / "map" / "runs.csv")
    by_point = dict(iter(table.groupby("point", sort=False)))
    draw(by_point)
    tell(by_point)
