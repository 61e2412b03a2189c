"""``dst-robustness evaluate CHECKPOINT ... --images FOLDER``: test trained networks on clean and corrupted images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dst_robustness.commands.choices import add_corruptions, chosen_corruptions, chosen_severities
from dst_robustness.corruptions import FAMILIES, family_of
from dst_robustness.datasets.any_folder import read_folder
from dst_robustness.datasets.spec import JPEG_FROM
from dst_robustness.evaluation import corruption_table, gain, mean_corruption_error, robust_accuracy
from dst_robustness.jobs.files import atomic_path
from dst_robustness.jobs.shown import cells_without_formulas
from dst_robustness.registry import unknown_name
from dst_robustness.sets.predictions import CLEAN
from dst_robustness.sets.storage import JPEG_QUALITY


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of the command."""
    parser.add_argument("checkpoints", nargs="+", type=Path, help="weights: safetensors or a state_dict of torch.save")
    parser.add_argument("--images", type=Path, required=True, help="folder with one folder of images per class")
    says = "(default: as the checkpoint says)"
    parser.add_argument("--model", help=f"resnet18, timm:NAME, torchvision:NAME or FILE.py:FUNCTION {says}")
    parser.add_argument("--size", type=int, help=f"side in pixels to which images are resized {says}")
    parser.add_argument("--mean", type=float, nargs=3, help=f"mean of the training pixels in [0, 1] {says}")
    parser.add_argument("--std", type=float, nargs=3, help=f"std of the training pixels in [0, 1] {says}")
    parser.add_argument("--family", help=f"whose constants to use: {', '.join(FAMILIES)} (default: by size)")
    add_corruptions(parser)
    parser.add_argument("--severities", default="1-5", help="for example 1-5 or 1,3,5 (default: 1-5)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the corrupted copies (default: 0)")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="float32", help="arithmetic")
    parser.add_argument("--batch-size", type=int, help="images at once (default: 256, or fewer if they are large)")
    parser.add_argument("--frost", type=Path, help="folder of the benchmark's frost images")
    parser.add_argument("--out", type=Path, help="CSV with a row for each network, corruption and severity")


@dataclass(frozen=True)
class _Tested:
    name: str
    table: pd.DataFrame


def run(options: argparse.Namespace) -> None:
    """Test the checkpoints one after another, and compare each with the first."""
    for path in options.checkpoints:
        if not path.is_file():
            raise ValueError(f"there is no checkpoint {path}")
    if options.out:
        _check_out(options.out)
    size = options.size or _size_of(options.checkpoints)
    tested: list[_Tested] = []
    for path, name in zip(options.checkpoints, _names(options.checkpoints), strict=True):
        table = _test(path, options, size)
        tested.append(_Tested(name, table))
        print(_one_line(tested[-1], tested[0]), flush=True)
    print()
    print(_by_corruption(tested).to_string(float_format=lambda share: f"{100 * share:.1f}"))
    if len(tested) > 1:
        print("\nIntervals are over test images: they speak of these networks, not of the methods that trained them.")
    if options.out:
        both = pd.concat([one.table.assign(network=one.name) for one in tested])[["network", *tested[0].table.columns]]
        with atomic_path(options.out) as partial:
            cells_without_formulas(both).to_csv(partial, index=False)


def _names(paths: list[Path]) -> list[str]:
    """Return short names that differ: the stems, or the whole paths where stems are the same."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]


def _size_of(paths: Sequence[Path]) -> int | None:
    """Return the side in pixels that the files say; None if none says any. Raises ValueError if they do not agree."""
    from dst_robustness.models.checkpoints import describe_checkpoint

    sizes = {path: size for path in paths if (size := describe_checkpoint(path).get("image_size"))}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{path} for {size}" for path, size in sizes.items())
        raise ValueError(f"networks are compared on the same images, but are for several sizes: {listed}; give --size")
    return next(iter(sizes.values()), None)


def _check_out(path: Path) -> None:
    """Raise ValueError, before networks are tested, if the table could not be written there, or would not be one."""
    if path.is_dir():
        raise ValueError(f"--out is {path}, a folder; expected a file for the table")
    if file := next((place for place in path.parents if place.is_file()), None):
        raise ValueError(f"--out is {path}, but {file} is no folder")
    if path.suffix.lower() not in ("", ".csv", ".txt"):
        raise ValueError(f"--out is {path}, but the table is CSV; give a name that ends in .csv")


def _test(path: Path, options: argparse.Namespace, size: int | None) -> pd.DataFrame:
    from dst_robustness.evaluation.evaluate import predictor
    from dst_robustness.models.checkpoints import (
        ARCHITECTURE,
        build_options,
        check_scale,
        describe_checkpoint,
        load_checkpoint,
    )

    said = describe_checkpoint(path)
    model = options.model or said.get(ARCHITECTURE)
    mean, std = options.mean or said.get("mean"), options.std or said.get("std")
    for value, option in ((model, "--model"), (mean, "--mean"), (std, "--std")):
        if value is None:
            raise ValueError(f"{path} does not say how it was trained: give {option}")
    check_scale(path, mean, std)
    found = read_folder(options.images, size, threads=os.cpu_count() or 1)
    if found.labels is None:
        raise ValueError(f"{options.images} has no class folders, so the true classes are not known")
    order = _order(found.classes, path, said)
    side = min(found.images.shape[1:3])
    family = options.family or family_of(side)
    if family not in FAMILIES:
        raise unknown_name("--family", family, FAMILIES)
    network = load_checkpoint(path, model, len(order), image_size=size or side, **build_options(said, model))
    return corruption_table(
        _in_order(predictor(network, mean, std, options.precision, (3, *found.images.shape[1:3])), order),
        found.images, found.labels,
        family=family,
        corruptions=chosen_corruptions(options.corruptions, family),
        severities=chosen_severities(options.severities),
        seed=options.seed,
        batch_size=options.batch_size,
        jpeg_quality=JPEG_QUALITY if side >= JPEG_FROM else None,  # as the workflow stores its sets
        frost_folder=options.frost,
    )  # fmt: skip


def _order(folders: Sequence[str], path: Path, said: Mapping[str, Any]) -> list[int]:
    """Return the classes of a network in the order of the class folders, and then those without a folder."""
    classes = said.get("classes")
    if classes is None:
        if (count := said.get("num_classes", len(folders))) != len(folders):
            raise ValueError(
                f"{path} has {count} classes without names, so which of them the {len(folders)} class folders are is "
                "not known"
            )
        return list(range(len(folders)))
    for name in folders:
        if name not in classes:
            raise unknown_name(f"class folder for {path}", name, classes)
    order = [classes.index(name) for name in folders]
    return order + [number for number in range(len(classes)) if number not in set(order)]


def _in_order(predict: Callable[[np.ndarray], np.ndarray], order: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda images: predict(images)[:, order]


def _one_line(one: _Tested, first: _Tested) -> str:
    clean = float(one.table.loc[one.table["corruption"] == CLEAN, "accuracy"].iloc[0])
    corrupted = one.table[one.table["corruption"] != CLEAN]
    parts = [
        f"{one.name}: clean {100 * clean:.2f}%", f"robust {100 * robust_accuracy(one.table):.2f}%",
        f"ECE {100 * corrupted['ece'].mean():.2f}%", f"NLL {corrupted['nll'].mean():.3f}",
    ]  # fmt: skip
    if one is not first:
        parts += [f"mCE {mean_corruption_error(one.table, first.table):.1f} relative to {first.name}"]
        parts += [f"gain over {first.name} {gain(one.table, first.table)}"]
    return ", ".join(parts)


def _by_corruption(tested: list[_Tested]) -> pd.DataFrame:
    columns = {one.name: one.table.groupby("corruption", sort=False)["accuracy"].mean() for one in tested}
    return pd.DataFrame(columns).rename_axis("accuracy in percent")
