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


def mean_of(samples: Sequence[pd.Series]) -> Interval:
    """Return the mean over points and the half-width of its interval: of one point by Student's t over its seeds, of
    several by the normal distribution. The points are fixed; chance is in the seeds."""
    quantile = stats.t.ppf(0.975, len(samples[0]) - 1) if len(samples) == 1 else stats.norm.ppf(0.975)
    error = np.sqrt(sum(sample.sem() ** 2 for sample in samples)) / len(samples)
    return float(np.mean([sample.mean() for sample in samples])), quantile * error


def title(point: Mapping) -> str:
    """Return how the figure names a scenario of the preset."""
    training = point["training"]
    length = f"{training['train_samples']:,} images, {training['epochs']} epochs"
    return f"{point['model']}, width {Fraction(point.get('width', 1))}, {length}"


def is_decided(rows: pd.DataFrame, scenario: str, methods: Sequence[str]) -> bool:
    """Return whether every row of these methods has a verdict other than undecided."""
    own = rows[(rows["scenario"] == scenario) & rows["method"].isin(methods)]
    return not (own["verdict"] == UNDECIDED).any()


def by_model(points: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Return the names of the points of each model, then those of all."""
    models = {name: networks["model"].iloc[0] for name, networks in points.items()}
    groups = {model: [name for name in points if models[name] == model] for model in models.values()}
    return {**groups, "both": list(points)}


def lines_of(points: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> dict[str, list[str]]:
    """Return each line of the map and the points that it is about: a line a point, and below them a line of means."""
    lines = {}
    for group, names in by_model(points).items():
        if len(names) < len(points):
            for name in names:
                seeds = len(differences(points[name], DYNAMIC, "robust_accuracy"))
                lines[f"{titles[name]} ({seeds} seeds)"] = [name]
        lines[f"mean of the {len(names)} points of {group}"] = names
    return lines


def draw_map(points: Mapping[str, pd.DataFrame], titles: Mapping[str, str], rows: pd.DataFrame) -> None:
    """Draw the gains over dense of each point and their means."""
    figure, (axis,) = new_figure(1, size=(6.5, 7.2))
    lines = lines_of(points, titles)
    for number, (label, (methods, style)) in enumerate(SERIES.items()):
        samples = {name: differences(networks, methods, "robust_accuracy") for name, networks in points.items()}
        middle, half = np.transpose([mean_of([samples[name] for name in names]) for names in lines.values()])
        places = np.arange(len(lines)) + 0.22 * (number - 1)
        axis.errorbar(middle, places, xerr=half, label=label, elinewidth=0.9, **style | {"linestyle": "none"})
        decided = [len(names) == 1 and is_decided(rows, names[0], methods) for names in lines.values()]
        ring = {"markersize": 9, "markerfacecolor": "none", "color": style["color"]}
        axis.plot(middle[decided], places[decided], "o", label="decided" if any(decided) else None, **ring)
    axis.axvline(0, color=BLACK, lw=0.8)
    axis.axvspan(-0.5, 0.5, color=GREY, alpha=0.15, lw=0)
    for place, names in enumerate(lines.values()):
        if len(names) > 1:
            axis.axhspan(place - 0.5, place + 0.5, facecolor="none", edgecolor=GREY, lw=0.6)
    axis.set_yticks(range(len(lines)), list(lines))
    axis.set_ylim(len(lines) - 0.5, -0.5)
    axis.set_xlabel("gain over dense in robust accuracy (points, 95% interval)")
    legend_below(figure, [axis])
    save(figure, FOLDER / "map", ["png"])


def tell_means(points: Sequence[pd.DataFrame]) -> None:
    """Print each mean over points with its half-width."""
    for value in ("robust_accuracy", "clean_accuracy", "accuracy_noise", "accuracy_blur", "robust_ece"):
        for label, (methods, _) in SERIES.items():
            middle, half = mean_of([differences(networks, methods, value) for networks in points])
            print(f"{value:16} {label:24} {middle:+.2f} +- {half:.2f}")
    for name, first, second in CONTRASTS:
        for label, (methods, _) in SERIES.items():
            samples = [differences(each, methods, first) - differences(each, methods, second) for each in points]
            middle, half = mean_of(samples)
            print(f"{name:16} {label:24} {middle:+.2f} +- {half:.2f}")
    middle, half = mean_of([differences(networks, DYNAMIC, "robust_accuracy", ("static",)) for networks in points])
    print(f"DST minus static {middle:+.2f} +- {half:.2f}")


def tell_points(points: dict[str, pd.DataFrame], titles: Mapping[str, str]) -> None:
    """Print how far dense training got at each point, and what the others gained."""
    for name, networks in points.items():
        dense = networks[networks["method"] == "dense"].mean(numeric_only=True)
        reached = ", ".join(f"{word} {dense[f'{word}_accuracy']:.1%}" for word in ("training", "clean", "robust"))
        gains = [mean_of([differences(networks, methods, "robust_accuracy")]) for methods, _ in SERIES.values()]
        print(f"{titles[name]}: dense {reached}; gains", *(f"{middle:+.2f} +- {half:.2f}" for middle, half in gains))


if __name__ == "__main__":
    scenarios = yaml.safe_load(PRESET.read_text(encoding="utf-8"))["scenarios"]
    by_name = {point["name"]: title(point) for point in scenarios}
    by_point = dict(iter(pd.read_csv(FOLDER / "map/networks.csv").groupby("scenario", sort=False)))
    draw_map(by_point, by_name, pd.read_csv(FOLDER / "map/summary.csv"))
    for group, names in by_model(by_point).items():
        print(f"\nmeans over the {len(names)} points of {group}")
        tell_means([by_point[name] for name in names])
    tell_points(by_point, by_name)
    save(FIGURES["attribution"](StudyTables(FOLDER / "map/ladder", None)), FOLDER / "ladder", ["png"])
