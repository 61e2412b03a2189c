"""1,797 real scans of handwritten digits, 8x8 pixels, here 32x32 RGB. They are in this package: no download."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, Split
from dst_robustness.sets.splits import stratified

SIDE = 32
LARGEST = 16  # ink per 8x8 pixel is 0-16
TEST_SAMPLES = 500
TEST_SEED = 0  # the test split is the same in every study


def upscale(scans: np.ndarray) -> np.ndarray:
    """Enlarge scans [N, 8, 8] of ink 0-16 to RGB uint8 [N, 32, 32, 3], smoothly (cubic): ink is white."""
    images = [
        cv2.resize(scan.astype(np.float32) * (255 / LARGEST), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for scan in scans
    ]
    grey = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def all_scans() -> tuple[np.ndarray, np.ndarray]:
    """Return all scans float64 [1797, 8, 8] of ink 0-16, and their labels int64 [1797].

    Source: Alpaydin and Kaynak 1998, https://doi.org/10.24432/C50P49 (CC BY 4.0); the test part, as in scikit-learn.
    """
    with np.load(Path(__file__).with_suffix(".npz")) as stored:
        return stored["images"].astype(np.float64), stored["labels"].astype(np.int64)


def divided_scans() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return scans [N, 8, 8] of ink 0-16 and labels int64 [N] of train, and of a fixed stratified test split of 500."""
    scans, labels = all_scans()
    test = stratified(labels, TEST_SAMPLES, seed=TEST_SEED)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return (scans[train], labels[train]), (scans[test], labels[test])


def read_digits(spec: DatasetSpec, _: Acquired) -> RawSet:
    """Enlarge the scans of both splits."""
    return RawSet(spec.classes or (), *(_part(upscale(scans), labels) for scans, labels in divided_scans()))


def _part(images: np.ndarray, labels: np.ndarray) -> Split:
    return Split(labels, lambda row: images[row], lambda row: f"digit {row}")


DIGITS = DatasetSpec(
    name="digits",
    kind="images",
    classes=tuple(str(digit) for digit in range(10)),
    image_size=SIDE,
    mean=(0.3117,) * 3,
    std=(0.3560,) * 3,
    read=read_digits,
    flip_ok=False,
    licence="CC BY 4.0",
    citation="Alpaydin and Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998",
)
