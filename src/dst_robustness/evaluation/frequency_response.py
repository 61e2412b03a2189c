"""Which frequencies a network relies on: its accuracy without some of them, and its error if one is disturbed.

All functions take ``predict``, which maps images uint8 [N, H, W, 3] to classes int [N].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dst_robustness.jobs.files import atomic_path
from dst_robustness.sets.storage import Samples, open_hdf5

Predict = Callable[[np.ndarray], np.ndarray]
RADII = 12
# The norm of Yin et al. for CIFAR-10 and the side of its images. Other sizes have the same root mean square per pixel.
NORM, NORM_SIDE = 4.0, 32


def keep_frequencies(images: np.ndarray, radius: float, side: str) -> np.ndarray:
    """Return images with only the frequencies within ``radius`` of zero (``low``) or only those beyond it (``high``).

    Radii are in cycles per image height, 0 to H / sqrt(2). The mean of each image and channel always stays, since
    high-pass images would be half black without it.

    Args:
        images: uint8 [N, H, W, 3].
        radius: radius in cycles per image height.
        side: ``low`` or ``high``.
    """
    if side not in ("low", "high"):
        raise ValueError(f"unknown side '{side}' of the radius. Allowed: low, high")
    height, width = images.shape[1:3]
    radii = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]) * height
    within = radii <= radius + 1e-6
    kept = within if side == "low" else ~within
    kept[0, 0] = True
    spectrum = np.fft.fft2(images.astype(np.float32), axes=(1, 2)) * kept[None, :, :, None]
    return _to_pixels(np.fft.ifft2(spectrum, axes=(1, 2)).real)


def radius_accuracy(
    predict: Predict, images: np.ndarray, labels: np.ndarray, radii: Sequence[float] | None = None
) -> pd.DataFrame:
    """Return accuracy on images that keep only low or only high frequencies: columns kept, radius, accuracy."""
    height = images.shape[1]
    radii = np.linspace(0, height / np.sqrt(2), RADII) if radii is None else np.asarray(radii)
    rows = [
        (side, float(radius), float(np.mean(predict(keep_frequencies(images, radius, side)) == labels)))
        for side in ("low", "high")
        for radius in radii
    ]
    return pd.DataFrame(rows, columns=["kept", "radius", "accuracy"])


def fourier_basis(height: int, width: int, row: int, column: int) -> np.ndarray:
    """Return the real wave of unit norm, float [H, W], with this many cycles per height and per width."""
    spectrum = np.zeros((height, width), dtype=complex)
    # A phase of 45 degrees mixes sine and cosine, so that no wave vanishes at the highest frequency.
    spectrum[row % height, column % width] += 1 - 1j
    spectrum[-row % height, -column % width] += 1 + 1j
    wave = np.fft.ifft2(spectrum).real
    return wave / np.linalg.norm(wave)


def fourier_errors(
    predict: Predict, images: np.ndarray, labels: np.ndarray, *, norm: float | None = None, size: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Return the error under each Fourier wave of fixed norm, added to each channel with a random sign.

    Source: Yin et al. 2019, A Fourier Perspective on Model Robustness in Computer Vision, section 3.

    Args:
        images: uint8 [N, H, W, 3].
        norm: norm of the wave for pixels in [0, 1]; by default the paper's 4 for 32 pixels, in proportion to the side.
        size: use waves of up to size // 2 cycles; by default all that pixels can represent.

    Returns:
        Columns row and column (cycles per image; column >= 0, since the other half mirrors it), and error in [0, 1].
    """
    height, width = images.shape[1:3]
    norm = NORM * height / NORM_SIDE if norm is None else norm
    reach = min(height, width, size or height) // 2
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(len(images), 1, 1, 3)).astype(np.float32)
    rows = []
    for row in range(-reach, reach + 1):
        for column in range(reach + 1):
            if column == 0 and row < 0:
                continue
            wave = (255 * norm * fourier_basis(height, width, row, column)).astype(np.float32)
            disturbed = _to_pixels(images + signs * wave[None, :, :, None])
            rows.append((row, column, float(np.mean(predict(disturbed) != labels))))
    return pd.DataFrame(rows, columns=["row", "column", "error"])


def error_map(errors: pd.DataFrame) -> np.ndarray:
    """Return the errors of ``fourier_errors`` as a map, float [2 r + 1, 2 r + 1], zero frequency in the middle."""
    reach = int(errors["column"].max())
    image = np.full((2 * reach + 1, 2 * reach + 1), np.nan)
    for row, column, error in errors[["row", "column", "error"]].itertuples(index=False):
        image[reach + int(row), reach + int(column)] = error
        image[reach - int(row), reach - int(column)] = error
    return image


def write_frequency_response(
    predict: Predict,
    test: str | Path,
    radii: str | Path,
    fourier: str | Path,
    *,
    samples: int = 1000,
    size: int | None = None,
) -> None:
    """Write radius-accuracy and Fourier errors of one network on the first images of a test set as CSV.

    Raises ValueError for a test set of clips.
    """
    with open_hdf5(test) as file:
        stored = Samples(file)
        if len(stored.sample_shape) != 3:
            raise ValueError(f"{test} holds clips; the frequency response is measured on images only")
        images, labels = stored[:samples], stored.labels[:samples]
    tables = {
        radii: radius_accuracy(predict, images, labels),
        fourier: fourier_errors(predict, images, labels, size=size),
    }
    for target, table in tables.items():
        with atomic_path(target) as partial:
            table.to_csv(partial, index=False)


def _to_pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
