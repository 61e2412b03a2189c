"""The names of methods, data sets, networks and scenarios in figures, tables and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pandas as pd

from dst_robustness.analysis.words import BASELINE_ROW
from dst_robustness.sparsity import METHODS
from dst_robustness.study.run import default_name

ABSENT = "-"
# All other names are written as in the study.
DATASET_LABELS = {
    "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "tiny_imagenet": "TinyImageNet", "imagenet": "ImageNet",
    "cifar10_c": "CIFAR-10-C", "cifar100_c": "CIFAR-100-C", "tiny_imagenet_c": "TinyImageNet-C",
    "imagenet_c": "ImageNet-C", "imagenet_c_bar": "ImageNet-C-bar", "imagenet_3dcc": "ImageNet-3DCC",
    "ucf101": "UCF101", "hmdb51": "HMDB51",
    "digits": "digits", "digit_scenes": "digit scenes", "moving_digits": "moving digits",
}  # fmt: skip
MODEL_LABELS = {
    "resnet8": "ResNet8", "resnet18": "ResNet18", "resnet34": "ResNet34", "resnet50": "ResNet50",
    "wrn22_2": "WRN-22-2", "vgg16": "VGG16", "efficientnet_b0": "EfficientNet-B0", "deit_tiny": "DeiT-tiny",
    "deit_base": "DeiT-base", "r3d_tiny": "small 3D ResNet", "r3d18": "3D ResNet18", "r3d50": "3D ResNet50",
    "i3d": "I3D", "r2plus1d_18": "R(2+1)D-18",
}  # fmt: skip


def method_name(method: str) -> str:
    """Return the label of a registered method. Other names, such as those of variants, are returned unchanged."""
    return METHODS[method].label if method in METHODS else method


def only_tested(rows: pd.DataFrame) -> bool:
    """Return whether no network of these rows was trained here, so that there are no methods to speak of.

    Args:
        rows: summary.csv or a part of it.
    """
    return len(rows) > 0 and not rows["trained_here"].any()


def row_header(rows: pd.DataFrame) -> list[str]:
    """Return the headers of ``row_names``."""
    return ["scenario", "network"] if only_tested(rows) else ["scenario", "method", "sparsity"]


def row_names(rows: pd.DataFrame) -> list[list[str]]:
    """Return the cells that name each row of a table: scenario, method and sparsity.

    Where nothing was trained here, they are scenario and network. Among others, such a network has no sparsity.
    """
    names = [[row.scenario, method_name(row.method)] for row in rows.itertuples()]
    if only_tested(rows):
        return names
    levels = [f"{row.sparsity:g}" if row.trained_here else ABSENT for row in rows.itertuples()]
    return [[*name, level] for name, level in zip(names, levels, strict=True)]


def scenario_titles(rows: pd.DataFrame) -> dict[str, str]:
    """Return the title of each scenario, such as ``CIFAR-10, VGG16, width 1/4``, by its name.

    If the study gives the scenario a name, this name comes first. A comparison of networks of several architectures
    only has its scenario's name.

    Args:
        rows: summary.csv.
    """
    return {str(scenario): _title(str(scenario), part) for scenario, part in rows.groupby("scenario", sort=False)}


def _title(scenario: str, rows: pd.DataFrame) -> str:
    here = rows["trained_here"].astype(bool)
    rows = rows[here] if here.any() else rows
    if rows["model"].nunique() > 1:
        return scenario
    # A narrow dense network among the rows has another width.
    first = rows.loc[(rows["verdict"] != BASELINE_ROW).idxmin()]
    words = [DATASET_LABELS.get(first["dataset"], first["dataset"]), MODEL_LABELS.get(first["model"], first["model"])]
    width = first.get("width", 1.0)
    if pd.notna(width) and width != 1:
        words.append(f"width {Fraction(width).limit_denominator(100)}")
    described = ", ".join(words)
    return described if scenario == default_name(first["dataset"], first["model"]) else f"{scenario} ({described})"


def titled(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with the titles of scenarios instead of their names."""
    return table.assign(scenario=[titles.get(scenario, scenario) for scenario in table["scenario"]])
