"""Published results of the study that this package repeats, beside one's own rows where they match."""

from __future__ import annotations

import pandas as pd

from dst_robustness.analysis.runs import BASELINE

# Wu et al. 2025, Dynamic Sparse Training versus Dense Training (ICLR, arXiv 2410.03030), robust accuracy in percent, as
# quoted in its public reviews: (name, data sets that are or hold its test set, model, sparsity, dense, best DST).
SCENARIOS = (
    ("CIFAR-100-C, ResNet34", ("cifar100", "cifar100_c"), "resnet34", 0.4, 51.6, 55.6),
    ("ImageNet-C, ResNet50", ("imagenet", "imagenet_c"), "resnet50", 0.1, 38.38, 38.72),
    ("ImageNet-C-bar, ResNet50", ("imagenet_c_bar",), "resnet50", 0.1, 40.38, 41.44),
    ("ImageNet-3DCC, ResNet50", ("imagenet_3dcc",), "resnet50", 0.1, 43.62, 44.08),
    ("corrupted UCF101, 3D ResNet50", ("ucf101",), "r3d50", 0.1, 51.14, 53.57),
    ("corrupted UCF101, I3D", ("ucf101",), "i3d", 0.1, 53.58, 56.30),
)
COLUMNS = ["scenario", "sparsity", "published_dense", "published_dst", "dense", "dst", "method"]


def beside_published(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the published accuracies that one's own rows match in data, model and sparsity, beside the own ones.

    Accuracies are shares in [0, 1]; ``dst`` is the best DST method of the row's sparsity, as in the paper;
    ``method`` says which. The columns are ``COLUMNS``.
    """
    found = []
    for name, datasets, model, sparsity, dense, dst in SCENARIOS:
        own = rows[rows["dataset"].isin(datasets) & (rows["model"] == model)]
        baseline = own[own["method"] == BASELINE]
        sparse = own[own["dynamic"].astype(bool) & (own["sparsity"].sub(sparsity).abs() < 1e-9)]
        if len(baseline) and len(sparse):
            best = sparse.loc[sparse["robust_accuracy"].idxmax()]
            found.append(
                (name, sparsity, dense / 100, dst / 100, baseline["robust_accuracy"].iloc[0], best["robust_accuracy"],
                 best["method"])
            )  # fmt: skip
    return pd.DataFrame(found, columns=COLUMNS)
