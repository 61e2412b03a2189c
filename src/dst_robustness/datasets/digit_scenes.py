"""Handwritten digits in textured, coloured scenes: real scans, sharp strokes, no download.

The scans are those of ``digits``. Each is drawn into several scenes, so that corruptions have edges and textures to
work on: an enlarged scan alone is blurred already. Ink is brighter than its scene by much or by little, and in one
colour more than in the others. So noise and JPEG bite too, which take away what is faint or told by its colour.
"""

from __future__ import annotations

import cv2
import numpy as np

from dst_robustness.datasets.digits import LARGEST, divided_scans
from dst_robustness.datasets.shapes import background
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, Split

SIDE = 32
SEED = 20261126
SCENES = 20  # a scan may be drawn into
CLUTTER = 0.4  # contrast of a scene, as a share of that of ``shapes``: small networks find the digit in few steps
SMOOTH = 1.0  # pixels: without fine grain of their own, scenes leave networks open to noise
LEVEL = (0.15, 0.4)  # brightness of a scene, of 1
INK = (0.35, 0.6)  # by how much the ink is brighter, in the colour that tells it best
HUE = 0.1  # smallest share of that in another colour
STROKE = 6.0  # steepness of the border between paper and ink, which cubic enlargement leaves soft


def draw(scan: np.ndarray, split: int, index: int) -> np.ndarray:
    """Draw a scan [8, 8] of ink 0-16 into scene ``index`` of a split (0 train, 1 test): RGB uint8 [32, 32, 3]."""
    rng = np.random.default_rng([SEED, split, index])
    size, angle = rng.uniform(0.45, 0.6) * SIDE, rng.uniform(-10, 10)
    centre = SIDE / 2 + rng.uniform(-2, 2, 2)
    place = cv2.getRotationMatrix2D((4, 4), angle, size / 8)
    place[:, 2] += centre - 4
    ink = cv2.warpAffine(scan.astype(np.float32) / LARGEST, place, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    mask = (0.5 + 0.5 * np.tanh(STROKE * (ink - 0.48)))[..., None]
    scene = cv2.GaussianBlur(background(rng, SIDE), (0, 0), SMOOTH)
    scene = rng.uniform(*LEVEL) + CLUTTER * (scene - scene.mean())
    colour = scene.mean((0, 1)) + rng.uniform(*INK) * rng.permutation([1.0, *rng.uniform(HUE, 1, 2)])
    return np.rint(255 * np.clip(scene * (1 - mask) + colour * mask, 0, 1)).astype(np.uint8)


def read_scenes(spec: DatasetSpec, _: Acquired) -> RawSet:
    """Describe the splits: scenes of the scans of ``digits``, test scenes of its test scans alone."""
    train, test = (_part(split, scans, labels) for split, (scans, labels) in enumerate(divided_scans()))
    return RawSet(spec.classes or (), train, test)


def _part(split: int, scans: np.ndarray, labels: np.ndarray) -> Split:
    def load(row: int) -> np.ndarray:
        return draw(scans[row % len(scans)], split, int(row))

    return Split(np.tile(labels, SCENES), load, lambda row: f"digit scene {row}")


DIGIT_SCENES = DatasetSpec(
    name="digit_scenes",
    kind="images",
    classes=tuple(str(digit) for digit in range(10)),
    image_size=SIDE,
    mean=(0.31, 0.31, 0.31),
    std=(0.135, 0.135, 0.135),
    read=read_scenes,
    default_samples=(3000, 500),
    flip_ok=False,
    licence="CC BY 4.0",
    citation="Alpaydin and Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998",
)
