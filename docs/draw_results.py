"""Draw map.png and ladder.png in results from the tables there, and print the numbers that results.md states.

Run ``python docs/draw_results.py`` after a change of a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from dst_robustness.analysis.words import UNDECIDED
from dst_robustness.reporting.figures import FIGURES
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import BLACK, GREY, legend_below, method_style, new_figure, save

FOLDER = Path(__file__).parent / "results"
PRESET = Path(__file__).parents[1] / "config/cifar10_map.yaml"
AVERAGED = "vgg16"  # the model whose points are averaged
DYNAMIC = ("set", "rigl", "mest_g")
SERIES = {
    "DST: SET, RigL, MEST-g": (DYNAMIC, method_style("rigl")),
    "static masks": (("static",), method_style("static")),
    "dense with AugMix": (("dense_augmix",), method_style("dense")),
}
CONTRASTS = (
    ("noise minus blur", "accuracy_noise", "accuracy_blur"),
    ("robust minus clean", "robust_accuracy", "clean_accuracy"),
)
Interval = tuple[float, float]  # the middle and the half-width of a 95% interval


def differences(
    networks: pd.DataFrame, methods: Sequence[str], value: str, rival: Sequence[str] = ("dense",)
) -> pd.Series:
    """Return, for each seed of one point, the mean over the rows of ``methods`` minus that of ``rival``, in points."""
    return 100 * (_by_seed(networks, methods, value) - _by_seed(networks, rival, value)).dropna()


def _by_seed(networks: pd.DataFrame, methods: Sequence[str], value: str) -> pd.Series:
    rows = networks[networks["method"].isin(methods)]
    return rows.pivot(index="seed", columns=["method", "sparsity"], values=value).dropna().mean(axis=1)


def interval(sample: pd.Series) -> Interval:
    """Return the mean and the half-width of its 95% interval, by Student's t over seeds."""
    return sample.mean(), stats.t.ppf(0.975, len(sample) - 1) * sample.sem()


def over_points(samples: Sequence[pd.Series]) -> Interval:
    """Return the mean over points and its half-width. The points are fixed; chance is in the seeds."""
    half = 1.96 * np.sqrt(sum(sample.sem() ** 2 for sample in samples)) / len(samples)
    return float(np.mean([sample.mean() for sample in samples])), half


def title(point: Mapping) -> str:
    """Return how the figure names a scenario of the preset."""
    training = point["training"]
    length = f"{training['train_samples']:,} images, {training['epochs']} epochs"
    return f"{point['model']}, width {Fraction(point.get('width', 1))}, {length}"


def is_decided(rows: pd.DataFrame, scenario: str, methods: Sequence[str]) -> bool:
    """Return whether every row of these methods has a verdict other than undecided."""
    own = rows[(rows["scenario"] == scenario) & rows["method"].isin(methods)]
    return not (own["verdict"] == UNDECIDED).any()


def draw_map(points: dict[str, pd.DataFrame], titles: Mapping[str, str], rows: pd.DataFrame) -> None:
    """Draw the gains over dense of each point; below those of the averaged model their mean."""
    figure, (axis,) = new_figure(1, size=(6.5, 5.4))
    averaged = averaged_points(points)
    names = [*averaged, "mean of the ten", *(name for name in points if name not in averaged)]
    for number, (label, (methods, style)) in enumerate(SERIES.items()):
        samples = {name: differences(networks, methods, "robust_accuracy") for name, networks in points.items()}
        mean = over_points([samples[name] for name in averaged])
        middle, half = np.transpose([interval(samples[name]) if name in points else mean for name in names])
        places = np.arange(len(names)) + 0.22 * (number - 1)
        axis.errorbar(middle, places, xerr=half, label=label, elinewidth=0.9, **style | {"linestyle": "none"})
        decided = [name in points and is_decided(rows, name, methods) for name in names]
        ring = {"markersize": 9, "markerfacecolor": "none", "color": style["color"]}
        axis.plot(middle[decided], places[decided], "o", label="decided" if any(decided) else None, **ring)
    axis.axvline(0, color=BLACK, lw=0.8)
    axis.axvspan(-0.5, 0.5, color=GREY, alpha=0.15, lw=0)
    for border in (len(averaged) - 0.5, len(averaged) + 0.5):
        axis.axhline(border, color=GREY, lw=0.6)
    seeds = {name: len(differences(networks, DYNAMIC, "robust_accuracy")) for name, networks in points.items()}
    labels = [f"{titles[name]} ({seeds[name]} seeds)" if name in points else name for name in names]
    axis.set_yticks(range(len(names)), labels)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel("gain over dense in robust accuracy (points, 95% interval)")
    legend_below(figure, [axis])
    save(figure, FOLDER / "map", ["png"])


def averaged_points(points: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the points whose model is ``AVERAGED``."""
    return {name: networks for name, networks in points.items() if (networks["model"] == AVERAGED).all()}


def tell_means(points: Sequence[pd.DataFrame]) -> None:
    """Print each mean over points with its half-width."""
    for value in ("robust_accuracy", "clean_accuracy", "accuracy_noise", "accuracy_blur", "robust_ece"):
        for label, (methods, _) in SERIES.items():
            middle, half = over_points([differences(networks, methods, value) for networks in points])
            print(f"{value:16} {label:24} {middle:+.2f} +- {half:.2f}")
    for name, first, second in CONTRASTS:
        for label, (methods, _) in SERIES.items():
            samples = [differences(each, methods, first) - differences(each, methods, second) for each in points]
            middle, half = over_points(samples)
            print(f"{name:16} {label:24} {middle:+.2f} +- {half:.2f}")
    middle, half = over_points([differences(networks, DYNAMIC, "robust_accuracy", ("static",)) for networks in points])
    print(f"DST minus static {middle:+.2f} +- {half:.2f}")


def tell_points(points: dict[str, pd.DataFrame], titles: Mapping[str, str]) -> None:
    """Print how far dense training got at each point, and what the others gained."""
    for name, networks in points.items():
        dense = networks[networks["method"] == "dense"].mean(numeric_only=True)
        reached = ", ".join(f"{word} {dense[f'{word}_accuracy']:.1%}" for word in ("training", "clean", "robust"))
        gains = [interval(differences(networks, methods, "robust_accuracy")) for methods, _ in SERIES.values()]
        print(f"{titles[name]}: dense {reached}; gains", *(f"{middle:+.2f} +- {half:.2f}" for middle, half in gains))


if __name__ == "__main__":
    scenarios = yaml.safe_load(PRESET.read_text(encoding="utf-8"))["scenarios"]
    by_name = {point["name"]: title(point) for point in scenarios}
    by_point = dict(iter(pd.read_csv(FOLDER / "map/networks.csv").groupby("scenario", sort=False)))
    draw_map(by_point, by_name, pd.read_csv(FOLDER / "map/summary.csv"))
    tell_means(list(averaged_points(by_point).values()))
    tell_points(by_point, by_name)
    save(FIGURES["attribution"](StudyTables(FOLDER / "map/ladder", None)), FOLDER / "ladder", ["png"])
