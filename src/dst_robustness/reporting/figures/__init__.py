"""The figures by name. Each module draws one from the tables of a study. Listing them does not import matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dst_robustness.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dst_robustness.reporting.study_tables import StudyTables

_HERE = "dst_robustness.reporting.figures"

# Drawn from what every study has: summary.csv, corruptions.csv, training.csv, topology.csv and attribution.csv, with
# frequency.csv if it is there.
FIGURES: Registry[Callable[[StudyTables], Figure]] = Registry(
    "figure",
    {
        "robustness_by_sparsity": f"{_HERE}.robustness_by_sparsity:draw",
        "robustness_by_network": f"{_HERE}.robustness_by_network:draw",
        "gains": f"{_HERE}.gains:draw",
        "gain_by_corruption": f"{_HERE}.gain_by_corruption:draw",
        "attribution": f"{_HERE}.attribution:draw",
        "clean_against_robust": f"{_HERE}.clean_against_robust:draw",
        "training_curves": f"{_HERE}.training_curves:draw",
        "topology_over_training": f"{_HERE}.topology_over_training:draw",
        "cost_against_robustness": f"{_HERE}.cost_against_robustness:draw",
    },
)
OF_TRAINING = (
    "robustness_by_sparsity", "attribution", "training_curves", "topology_over_training", "cost_against_robustness",
)  # fmt: skip
OF_TESTED = ("robustness_by_network",)
OF_CONTROLS = ("attribution",)
# Drawn from the tables of analyses that a study may do without.
ANALYSIS_FIGURES: Registry[Callable[[StudyTables], Figure]] = Registry(
    "figure of an analysis",
    {
        "radius_accuracy": f"{_HERE}.radius_accuracy:draw",
        "fourier_maps": f"{_HERE}.fourier_maps:draw",
        "weight_maps": f"{_HERE}.weight_maps:draw",
    },
)
ANALYSIS_TABLES = {"radius_accuracy": "radius.csv", "fourier_maps": "fourier.csv", "weight_maps": "layers.csv"}

CAPTIONS = {
    "robustness_by_sparsity": "Robust accuracy (mean over corruptions and severities) against sparsity. Black line and "
    "band: the baseline and its 95% interval; dotted: the margin; bars: 95% intervals. Marks of decided rows: + holds, "
    "- fails, = equivalent; rows without a mark are undecided. Bars that overlap do not mean that there is no "
    "difference: differences to the baseline are paired by seed, in the table.",
    "robustness_by_network": "Robust accuracy (mean over corruptions and severities) of networks that were trained "
    "elsewhere. Black line and band: the network that they are compared with, and its 95% interval; dotted: the "
    "margin; bars: 95% intervals. Marks of decided rows: + holds, - fails, = equivalent. Bars that overlap do not mean "
    "that there is no difference: differences are paired by image, in the table.",
    "gains": "Gain in robust accuracy over the baseline, with 95% intervals, by scenario. Dotted: the margin. Very "
    "long intervals end at the frame. Marks of decided rows: + holds, - fails, = equivalent.",
    "gain_by_corruption": "Relative gain over the baseline by corruption and severity: of DST (mean of all DST methods "
    "at 10-50% sparsity), or of a network that was trained elsewhere. The corruptions with the largest share of "
    "high-frequency energy are at the top. Purple: better than the baseline.",
    "attribution": "Where the gain of each DST row comes from: steps from the baseline to the DST run, with 95% "
    "intervals. Capacity: fewer parameters; sparsity: a random mask; allocation: the DST run's densities of the "
    "layers; topology: its connections; dynamics: moving them. Steps between which nothing was trained are one. The "
    "last bar is the gain, with its interval and its verdict; dotted: the margin.",
    "clean_against_robust": "Robust against clean accuracy of each method or network; larger symbols are sparser. "
    "Dotted: the baseline. Accuracy on each set of natural shift has a panel of its own.",
    "training_curves": "Training loss and validation accuracy by epoch, mean over seeds.",
    "topology_over_training": "Left: ITOP rate, the share of the maskable weights that have been active so far (Liu et "
    "al. 2021); dotted, what a mask that never moves stays at. Right: the share that is active at the time. Mean over "
    "seeds after each topology update.",
    "cost_against_robustness": "Robust accuracy against training FLOPs relative to dense, as sparse kernels would need "
    "them; larger symbols are sparser. Above and left of the dotted lines is better and cheaper than dense.",
    "radius_accuracy": "Accuracy on clean images that keep only frequencies below (left) or above (right) a radius.",
    "fourier_maps": "Error under each Fourier wave of fixed norm (Yin et al. 2019), zero frequency in the middle: "
    "dense, DST and the difference. Purple: DST errs less.",
    "kernel_maps": "Active weights of each kernel, output x input channel, in six layers from the first to the "
    "last; of large layers the first 128 channels.",
    "weight_maps": "Density, and share of kernels and input channels without any non-zero weight, by layer.",
}


def figures_of(*, trained: bool, taken: bool, controls: bool) -> list[str]:
    """Return the figures of a study, by whether it trains networks, tests some of elsewhere, and trains controls."""
    left_out = (() if trained else OF_TRAINING) + (() if taken else OF_TESTED) + (() if controls else OF_CONTROLS)
    return [name for name in FIGURES if name not in left_out]


def write_figure(name: str, tables: str | Path, stem: str | Path, *, scenario: str | None = None) -> list[Path]:
    """Draw a figure from the tables of a study and write it as ``stem``.pdf, and that of all scenarios as PNG too.

    If a table is missing or empty, the figure says so.

    Args:
        name: name of the figure.
        tables: folder of the tables.
        stem: path of the files without ending.
        scenario: the only scenario to draw, as wide as a column of a paper; None: draw all.
    """
    from dst_robustness.reporting.study_tables import StudyTables
    from dst_robustness.reporting.style import save

    registry = ANALYSIS_FIGURES if name in ANALYSIS_FIGURES else FIGURES
    formats = ("pdf", "png") if scenario is None else ("pdf",)
    return save(registry[name](StudyTables(Path(tables), scenario)), stem, formats)
