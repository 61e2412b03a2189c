"""``dst-robustness corrupt FOLDER OUT``: a corrupted copy of a folder of images, in the layout of the benchmarks."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from dst_robustness.commands.choices import add_corruptions, chosen_corruptions, chosen_severities
from dst_robustness.corruptions import FAMILIES, SEVERITIES, family_of
from dst_robustness.corruptions.frost import PROCEDURAL, load_frost
from dst_robustness.datasets.any_folder import read_folder
from dst_robustness.registry import unknown_name
from dst_robustness.sets.corrupt_folder import Recipe, write_arrays, write_folders
from dst_robustness.sets.storage import JPEG_QUALITY


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of the command."""
    parser.add_argument("folder", type=Path, help="folder of images, in class folders or not")
    parser.add_argument("out", type=Path, help="folder to write")
    add_corruptions(parser)
    parser.add_argument("--severities", default="1-5", help="for example 1-5 or 1,3,5 (default: 1-5)")
    parser.add_argument(
        "--size", type=int, help="side in pixels to which images are resized (default: they are not resized)"
    )
    parser.add_argument(
        "--family", help=f"whose constants to use: {', '.join(FAMILIES)} (default: the one that fits the size)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the corrupted copies (default: 0)")
    parser.add_argument(
        "--format", choices=["folders", "npy"], default="folders",
        help="folders of JPEG like ImageNet-C, or arrays like CIFAR-10-C (default: folders)",
    )  # fmt: skip
    parser.add_argument("--quality", type=int, default=JPEG_QUALITY, help="quality of the JPEG (default: 85)")
    parser.add_argument("--frost", type=Path, help="folder of the benchmark's frost images")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="threads (default: one per core)")


def run(options: argparse.Namespace) -> None:
    """Corrupt the images. A second call continues where the first was stopped."""
    if options.size is not None and options.size < 8:
        raise ValueError(f"--size is {options.size}; allowed: at least 8 pixels")
    if options.jobs < 1:
        raise ValueError(f"--jobs is {options.jobs}; allowed: at least 1")
    if not 1 <= options.quality <= 100:
        raise ValueError(f"--quality is {options.quality}; allowed: 1 to 100")
    source, target = options.folder.resolve(), options.out.resolve()
    if target.is_relative_to(source):
        raise ValueError(f"{options.out} lies in {options.folder}: a second call would corrupt the corrupted images")
    found = read_folder(options.folder, options.size)
    family = options.family or family_of(min(found.images.shape[1:3]))
    if family not in FAMILIES:
        raise unknown_name("--family", family, FAMILIES)
    corruptions = chosen_corruptions(options.corruptions, family)
    severities = chosen_severities(options.severities)
    frost = load_frost(options.frost) if "frost" in corruptions else None
    if frost and frost.source == PROCEDURAL:
        print("frost: a procedural texture replaces the benchmark's frost images; give these with --frost")
    shown, count = sys.stderr.isatty(), len(found.images)
    if options.format == "npy":
        if severities != SEVERITIES:
            raise ValueError("the arrays of CIFAR-10-C hold severities 1-5; use --format folders for others")
        if found.labels is None:
            print(f"{options.folder} has no class folders: labels.npy is not written")
        recipe = Recipe(family, options.seed, options.size, None, frost)
        arguments = (found.images, found.labels, target, corruptions, recipe)
        written = write_arrays(*arguments, threads=options.jobs, progress=shown)
        print(f"{written} of {len(corruptions)} arrays of {count} images were missing and are now in {options.out}")
        return
    recipe = Recipe(family, options.seed, options.size, options.quality, frost)
    cells = [(name, severity) for name in corruptions for severity in severities]
    written = write_folders(found.images, found.names, target, cells, recipe, threads=options.jobs, progress=shown)
    print(f"{written} of {count * len(cells)} images were missing and are now in {options.out}")
