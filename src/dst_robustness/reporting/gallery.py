"""One sheet of corrupted images: a row per corruption, a column per severity, the clean image first."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dst_robustness.corruptions import SEVERITIES
from dst_robustness.jobs.files import atomic_path
from dst_robustness.sets.storage import Samples, open_hdf5

CELL = 0.9  # inches


def draw_gallery(files: dict[str, Path], clean: Path, output: Path) -> None:
    """Draw one image of a test set under every corruption and severity, from the files that the networks see.

    Args:
        files: the corrupted set in HDF5 of each corruption, in the order of the rows. A clip shows its middle frame.
        clean: the clean test split.
        output: the image to write, in the format of its suffix.

    Raises:
        ValueError: if there are no files, or if one cannot be read.
    """
    if not files:
        raise ValueError("a gallery needs at least one corrupted set")
    with open_hdf5(clean) as file:
        samples = Samples(file)
        chosen = _most_colourful(samples)
        original = _picture(samples, chosen)
    rows, columns = len(files), 1 + len(SEVERITIES)
    figure, axes = plt.subplots(
        rows, columns, figsize=(CELL * columns + 1.3, CELL * rows + 0.4), squeeze=False, layout="constrained"
    )
    try:
        for row, (name, path) in zip(axes, files.items(), strict=True):
            with open_hdf5(path) as file:
                pictures = [_picture(Samples(file[str(severity)]), chosen) for severity in SEVERITIES]
            for axis, picture in zip(row, [original, *pictures], strict=True):
                axis.imshow(picture, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            row[0].set_ylabel(name.replace("_", " "), rotation=0, ha="right", va="center", fontsize=8)
        for axis, title in zip(axes[0], ["clean", *(f"severity {s}" for s in SEVERITIES)], strict=True):
            axis.set_title(title, fontsize=8)
        with atomic_path(output) as partial:
            figure.savefig(partial, format=Path(output).suffix.removeprefix("."), dpi=150)
    finally:
        plt.close(figure)


def _most_colourful(samples: Samples, among: int = 64) -> int:
    """Return the index of the image with the largest spread of values, which shows corruptions best."""
    first = samples[slice(0, min(among, len(samples)))]
    return int(np.argmax(first.reshape(len(first), -1).std(axis=1)))


def _picture(samples: Samples, index: int) -> np.ndarray:
    sample = samples[slice(index, index + 1)][0]
    return sample if sample.ndim == 3 else sample[len(sample) // 2]
