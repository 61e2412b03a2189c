"""From a folder of images to the folders of ImageNet-C or the arrays of CIFAR-10-C: parallel and resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dst_robustness import __version__
from dst_robustness.corruptions import SEVERITIES, corrupt_images
from dst_robustness.corruptions.frost import FrostPictures
from dst_robustness.jobs.files import atomic_path, write_text
from dst_robustness.sets.image_files import ImageFiles
from dst_robustness.sets.jpeg import encode_jpeg

BATCH = 16  # images that a thread holds
SETTINGS = "corrupted.json"  # beside the corruptions: how they were made


@dataclass(frozen=True)
class Recipe:
    """How images are corrupted.

    Attributes:
        family: whose constants are used.
        seed: seed of the whole set.
        size: side to which images are resized, or None if they keep theirs.
        quality: quality of the JPEG that is written; None for arrays.
        frost: the frost images, or None if they are not needed.
    """

    family: str
    seed: int
    size: int | None
    quality: int | None
    frost: FrostPictures | None = None

    def corrupt(self, images: np.ndarray, name: str, severity: int, first_index: int) -> np.ndarray:
        """Return corrupted images, uint8 [N, H, W, 3]."""
        return corrupt_images(
            images,
            name,
            severity,
            family=self.family,
            seed=self.seed,
            first_index=first_index,
            frost_pictures=self.frost if name == "frost" else None,
        )


def write_folders(
    images: ImageFiles,
    names: Sequence[Path],
    target: Path,
    cells: Sequence[tuple[str, int]],
    recipe: Recipe,
    *,
    threads: int,
    progress: bool,
) -> int:
    """Write ``NAME/SEVERITY/`` + the name of each image + ``.JPEG``, and return how many were missing.

    Existing images are kept, so that a second call continues where the first was stopped. Raises ValueError if the
    folder holds images that were made in another way.

    Args:
        names: name of each image below the severity, without its ending, such as ``CLASS/FILE``.
        cells: (corruption, severity) of each folder.
    """
    _claim(target, names, recipe)
    assert recipe.quality is not None
    quality = recipe.quality
    for name, severity in cells:
        for folder in {path.parent for path in names}:
            (target / name / str(severity) / folder).mkdir(parents=True, exist_ok=True)

    def write(start: int) -> int:
        rows = range(start, min(start + BATCH, len(names)))
        batch, written = None, 0
        for name, severity in cells:
            places = [target / name / str(severity) / f"{names[row]}.JPEG" for row in rows]
            missing = [i for i, path in enumerate(places) if not _is_whole(path)]
            if missing:
                batch = images[start : start + BATCH] if batch is None else batch
                corrupted = recipe.corrupt(batch, name, severity, start)
                for i in missing:
                    _write_whole(places[i], encode_jpeg(corrupted[i], quality).tobytes())
            written += len(missing)
            bar.update(len(rows))
        return written

    with tqdm(total=len(names) * len(cells), unit="image", disable=not progress) as bar:
        return sum(_in_threads(write, range(0, len(names), BATCH), threads))


def write_arrays(
    images: ImageFiles,
    labels: np.ndarray | None,
    target: Path,
    corruptions: Sequence[str],
    recipe: Recipe,
    *,
    threads: int,
    progress: bool,
) -> int:
    """Write ``NAME.npy`` uint8 [5 N, H, W, 3], severity by severity, and return how many were missing.

    If the labels are known, ``labels.npy`` uint8 [5 N] is written too. Existing arrays are kept.
    """
    _claim(target, images.files, recipe)
    if labels is not None:
        if labels.max(initial=0) > 255:
            raise ValueError(f"there are {labels.max() + 1} classes, but labels.npy holds up to 256; write folders")
        with atomic_path(target / "labels.npy") as partial, open(partial, "wb") as file:
            np.save(file, np.tile(labels, len(SEVERITIES)).astype(np.uint8))
    missing = [name for name in corruptions if not (target / f"{name}.npy").is_file()]
    count = len(images)
    with tqdm(total=count * len(SEVERITIES) * len(missing), unit="image", disable=not progress) as bar:
        for name in missing:
            with atomic_path(target / f"{name}.npy") as partial:
                shape = (len(SEVERITIES) * count, *images.shape[1:])
                array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
                with open(partial, "r+b") as sparse:  # allocated first: a map on a full disk kills the process (SIGBUS)
                    os.posix_fallocate(sparse.fileno(), 0, partial.stat().st_size)

                def write(start: int, name: str = name, array: np.ndarray = array) -> int:
                    batch = images[start : start + BATCH]
                    for severity in SEVERITIES:
                        first = (severity - 1) * count + start
                        array[first : first + len(batch)] = recipe.corrupt(batch, name, severity, start)
                        bar.update(len(batch))
                    return len(batch)

                _in_threads(write, range(0, count, BATCH), threads)
                array.flush()
                del array
    return len(missing)


def _in_threads(work: Callable[[int], int], starts: Iterable[int], threads: int) -> list[int]:
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(work, starts))
    finally:
        pool.shutdown(cancel_futures=True)


def _claim(target: Path, names: Sequence[Path], recipe: Recipe) -> None:
    """Note how the images in a folder are made. Raises ValueError if it holds images made in another way."""
    made_with = {key: value for key, value in asdict(recipe).items() if key != "frost"}
    made_with |= {
        "frost": recipe.frost.source if recipe.frost else None,
        "images": len(names),
        "names": sha256("\n".join(map(str, names)).encode()).hexdigest()[:16],
        "package_version": __version__,
    }
    path = target / SETTINGS
    if path.is_file() and _holds_images(target):
        before = json.loads(path.read_text(encoding="utf-8"))
        for key, value in made_with.items():
            known = before.get(key)
            if known != value and not (key == "frost" and None in (known, value)):
                raise ValueError(
                    f"{target} holds images made with {key} {known}, not {value}: give another folder, or delete it"
                )
        made_with["frost"] = made_with["frost"] or before.get("frost")
    write_text(path, json.dumps(made_with, indent=2) + "\n")


def _holds_images(folder: Path) -> bool:
    """Return whether a call has left at least one file of corrupted images in a folder."""
    files = (path.name for path in folder.rglob("*") if path.is_file())
    return any(name not in (SETTINGS, "labels.npy") and not name.startswith(".") for name in files)


def _is_whole(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is never seen half written. Do not wait for the disk, since there are millions of files."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)
