"""One sheet of what the corruptions do to a clip: a strip of frames for every corruption and severity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dst_robustness.corruptions import SEVERITIES, VIDEO_CORRUPTIONS, corrupt_clips
from dst_robustness.jobs.files import atomic_path

FRAME = 0.42  # inches
GAP = 2  # pixels between two frames


def draw_clip_gallery(
    clip: np.ndarray,
    output: str | Path,
    *,
    names: Sequence[str] = tuple(VIDEO_CORRUPTIONS),
    severities: Sequence[int] = SEVERITIES,
    frames: int = 6,
    seed: int = 0,
) -> None:
    """Draw a clip under corruptions, one row each, one strip of frames a severity; the first row is the clip itself.

    Args:
        clip: uint8 [T, H, W, 3], RGB.
        output: the picture to write, in the format of its suffix.
        names: of VIDEO_CORRUPTIONS, in the order of the rows.
        severities: the columns.
        frames: how many frames a strip shows, evenly spread from first to last.
        seed: of the corruptions.

    Raises:
        ValueError: for an unknown name or severity, or something that is no clip.
    """
    shown = np.linspace(0, len(clip) - 1, min(frames, len(clip))).round().astype(int)
    rows = {"clean": [clip] * len(severities)}
    for name in names:
        rows[name] = [corrupt_clips(clip[None], name, severity, seed=seed)[0] for severity in severities]
    size = (1.2 + FRAME * len(shown) * len(severities) * clip.shape[2] / clip.shape[1], 0.3 + FRAME * len(rows))
    figure, axes = plt.subplots(len(rows), len(severities), figsize=size, squeeze=False)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.01, wspace=0.01, hspace=0)
    try:
        for row, (name, clips) in zip(axes, rows.items(), strict=True):
            for axis, corrupted in zip(row, clips, strict=True):
                axis.imshow(_strip(corrupted[shown]), interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            row[0].set_ylabel(name.replace("_", " "), rotation=0, ha="right", va="center", fontsize=7)
        for axis, severity in zip(axes[0], severities, strict=True):
            axis.set_title(f"severity {severity}", fontsize=7)
        with atomic_path(output) as partial:
            figure.savefig(partial, format=Path(output).suffix.removeprefix("."), dpi=150)
    finally:
        plt.close(figure)


def _strip(frames: np.ndarray) -> np.ndarray:
    """Put frames uint8 [n, H, W, 3] side by side, white between them."""
    padded = np.pad(frames, ((0, 0), (0, 0), (0, GAP), (0, 0)), constant_values=255)
    return np.concatenate(list(padded), axis=1)[:, :-GAP]
