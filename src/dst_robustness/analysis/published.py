"""The published results of the study that this package repeats, beside the matching rows of a user's study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dst_robustness.analysis.tested import MADE_HERE
from dst_robustness.analysis.words import BASELINE_ROW
from dst_robustness.datasets import DATASETS
from dst_robustness.sets.attributes import PUBLISHED_FILES

PAPER = (
    "Wu et al. 2025, Dynamic Sparse Training versus Dense Training: The Unexpected Winner in Image Corruption "
    "Robustness (ICLR, arXiv 2410.03030)"
)
# The tables of the paper were not at hand: these numbers are not checked against them.
SOURCE = "public reviews of the paper, which quote it"
RANDOM = ("set", "mest_r", "granet_r")
GRADIENT = ("rigl", "mest_g", "granet_g")


@dataclass(frozen=True)
class Published:
    """One published scenario. All accuracies are robust accuracies in percent.

    Attributes:
        number: number of the scenario in this package, as in its preset and docs/scenarios.md.
        title: corrupted test set and network.
        datasets: the data sets that are or contain that test set.
        sparsity: the sparsity of the networks.
        dense: accuracy of the dense network; None if no source gives it.
        best: accuracy of the best DST method; None if no source gives it.
        by_method: accuracies of the DST methods that the source names.
        methods: the DST methods that the paper tests in the scenario.
        remark: what else the source says about the accuracies.
    """

    number: int
    title: str
    datasets: tuple[str, ...]
    model: str
    sparsity: float
    dense: float | None = None
    best: float | None = None
    by_method: tuple[tuple[str, float], ...] = ()
    methods: tuple[str, ...] = RANDOM + GRADIENT
    remark: str = ""


SCENARIOS = (
    Published(
        1, "CIFAR-10-C, VGG16", ("cifar10", "cifar10_c"), "vgg16", 0.4,
        remark="the best DST method is about 0.4 points above dense at a sparsity of 0.4, and DST falls below dense at "
        "some others (0.3, 0.6, 0.7)",
    ),
    Published(2, "CIFAR-100-C, ResNet34", ("cifar100", "cifar100_c"), "resnet34", 0.4, 51.6, 55.6),
    Published(3, "TinyImageNet-C, EfficientNet-B0", ("tiny_imagenet", "tiny_imagenet_c"), "efficientnet_b0", 0.4),
    Published(
        4, "ImageNet-C, ResNet50", ("imagenet", "imagenet_c"), "resnet50", 0.1, 38.38, 38.72,
        (("rigl", 38.70), ("mest_g", 38.64), ("granet_g", 38.72)), GRADIENT,
    ),
    Published(5, "ImageNet-C-bar, ResNet50", ("imagenet_c_bar",), "resnet50", 0.1, 40.38, 41.44, methods=GRADIENT),
    Published(6, "ImageNet-3DCC, ResNet50", ("imagenet_3dcc",), "resnet50", 0.1, 43.62, 44.08, methods=GRADIENT),
    Published(
        7, "ImageNet-C, DeiT-base", ("imagenet", "imagenet_c"), "deit_base", 0.1, methods=GRADIENT,
        remark="the reviews disagree: 0.05 to 0.47 points above dense, or 2.6",
    ),
    Published(8, "corrupted UCF101, 3D ResNet50", ("ucf101",), "r3d50", 0.1, 51.14, 53.57),
    Published(9, "corrupted UCF101, I3D", ("ucf101",), "i3d", 0.1, 53.58, 56.30),
)  # fmt: skip
COLUMNS = [
    "scenario",
    "sparsity",
    "method",
    "published",
    "is_best",
    "own_method",
    "corrupted",
    "accuracy",
    "low",
    "high",
    "seeds",
]


def beside_published(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each published accuracy beside the user's row of the same data, network, method and sparsity.

    If the source only gives the best method, every DST row that the paper has too is listed. The best of these would be
    chosen on the test set. A network of another width counts as another network.

    Returns:
        The columns ``COLUMNS``. ``published`` and ``accuracy``, with its interval ``low`` to ``high``, are shares in
        [0, 1]. ``method`` is the method that the source names. ``is_best`` says that it only gives the best one.
        ``corrupted`` says whether the user's row is of the published images or of images that are made here.
    """
    found = []
    for one in SCENARIOS:
        own = rows[rows["dataset"].isin(one.datasets) & (rows["model"] == one.model)]
        own = own[np.isclose(own["width"], 1)] if "width" in own else own
        dense = own[(own["verdict"] == BASELINE_ROW) & (own["method"] == "dense")]
        sparse = own[np.isclose(own["sparsity"], one.sparsity) & own["method"].isin(one.methods)]
        if one.best is None or dense.empty or sparse.empty:
            continue
        named = dict(one.by_method)
        pairs = [("dense", one.dense, row) for row in dense.itertuples()]
        pairs += [(row.method if named else "", named.get(row.method, one.best), row) for row in sparse.itertuples()]
        found += [
            (one.title, one.sparsity if row.sparsity else 0.0, method, value / 100, not method, row.method,
             PUBLISHED_FILES if DATASETS[row.dataset].corrupted_from else MADE_HERE,
             row.robust_accuracy, row.robust_accuracy_low, row.robust_accuracy_high, row.seeds)
            for method, value, row in pairs
        ]  # fmt: skip
    return pd.DataFrame(found, columns=COLUMNS)
