"""How much of the change that a corruption makes lies in high frequencies."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.fft

from dst_robustness.jobs.files import atomic_path
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.storage import Samples, open_hdf5

log = logging.getLogger(__name__)

# Half of the highest frequency that pixels can carry along a row or column, in cycles per pixel.
HIGH = 0.25
COLUMNS = ("dataset", "corruption", "severity", "high_frequency_share")


def frequency_radii(height: int, width: int) -> np.ndarray:
    """Return the distance of each coefficient of ``numpy.fft.fft2`` from zero frequency, cycles per pixel [H, W]."""
    return np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])


def power_spectrum(differences: np.ndarray) -> np.ndarray:
    """Return the mean power of each frequency over samples and channels.

    Args:
        differences: corrupted minus clean, float [N, H, W, 3].

    Returns:
        float [H, W] in the layout of ``scipy.fft.fft2``: zero frequency first.
    """
    spectrum = scipy.fft.fft2(differences, axes=(1, 2))  # three times as fast as numpy's
    return (spectrum.real**2 + spectrum.imag**2).mean(axis=(0, 3))


def high_frequency_share(power: np.ndarray, threshold: float = HIGH) -> float:
    """Return the share of a spectrum's energy [H, W] above a frequency; NaN if there is no energy."""
    total = power.sum()
    return float(power[frequency_radii(*power.shape) > threshold].sum() / total) if total > 0 else float("nan")


def corruption_shares(dataset: str, test: Path, corrupted: Mapping[str, Path], *, samples: int = 100) -> pd.DataFrame:
    """Return the high-frequency share of each corruption and severity of a data set; the columns are ``COLUMNS``.

    Published sets that show other images than the clean test set are left out.

    Args:
        dataset: name of the data set.
        test: the clean test set.
        corrupted: the corrupted test sets, by corruption; each has a group for each severity.
        samples: average over this many of the first images, or over the frames of this many clips.
    """
    rows = []
    with open_hdf5(test) as file:
        clean = _pictures(Samples(file)[:samples])
    for name, path in corrupted.items():
        with open_hdf5(path) as file:
            if SetAttributes.read(file).pairing == "class":
                log.warning("%s shows other images than %s: its frequencies are left out", path, test)
                continue
            for severity in sorted(file, key=int):
                differences = _pictures(Samples(file[severity])[:samples]) - clean
                rows.append((dataset, name, int(severity), high_frequency_share(power_spectrum(differences))))
    return pd.DataFrame(rows, columns=COLUMNS)


def write_corruption_shares(
    sets: Mapping[str, tuple[Path, Mapping[str, Path]]], target: str | Path, *, samples: int = 100
) -> None:
    """Write ``corruption_shares`` of data sets, given as (test, corrupted) by name, as CSV."""
    tables = [corruption_shares(name, test, corrupted, samples=samples) for name, (test, corrupted) in sets.items()]
    table = pd.concat(tables)
    with atomic_path(target) as partial:
        table.to_csv(partial, index=False)


def _pictures(pixels: np.ndarray) -> np.ndarray:
    """Return images, or the frames of clips, as float32 [N, H, W, 3]."""
    return pixels.reshape(-1, *pixels.shape[-3:]).astype(np.float32)
