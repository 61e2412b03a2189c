"""Textured shapes over natural-looking backgrounds: a data set of any size without any file, for load tests."""

from __future__ import annotations

import cv2
import numpy as np

from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, Split

CLASSES = ("disc", "ring", "square", "triangle", "star", "cross", "crescent", "bar", "hexagon", "heart")
LARGEST = 2_000_000  # samples in a split; only those that are needed are drawn
SEED = 20250424
SHIFT = 4  # fractional bits of OpenCV's coordinates


def background(rng: np.random.Generator, side: int) -> np.ndarray:
    """Draw noise whose amplitude falls as 1/f, as that of natural images does: float32 [side, side, 3] in 0-1."""
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    phases = np.float32(2 * np.pi) * rng.random((3, *frequency.shape), dtype=np.float32)
    waves = np.exp(1j * phases) / frequency.astype(np.float32)
    waves[1:] = 0.5 * waves[1:] + 0.5 * waves[:1]  # the channels of natural images are correlated
    fields = np.fft.irfft2(waves, s=(side, side)).transpose(1, 2, 0)
    fields /= fields.std(axis=(0, 1))
    level, contrast = rng.uniform(0.3, 0.7, 3).astype(np.float32), np.float32(rng.uniform(0.08, 0.2))
    return np.clip(level + contrast * fields, 0, 1)


def _corners(count: int) -> np.ndarray:
    """Return the corners of a regular polygon on the unit circle, float [count, 2]."""
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def outline(name: str) -> list[np.ndarray]:
    """Return the polygons of a shape inside the unit disc, float [points, 2]. A second one is a hole in the first."""
    disc = _corners(64)
    if name in ("triangle", "square", "hexagon"):
        return [_corners({"triangle": 3, "square": 4, "hexagon": 6}[name])]
    if name == "star":
        return [_corners(10) * np.where(np.arange(10) % 2, 0.42, 1.0)[:, None]]
    if name == "bar":
        return [np.array([(-1, -0.25), (1, -0.25), (1, 0.25), (-1, 0.25)])]
    if name == "cross":
        arm = [(-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3)]
        return [np.array(arm + [(-x, -y) for x, y in arm])]
    if name == "heart":
        turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        y = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
        return [np.stack([np.sin(turn) ** 3, -y / 16], axis=1)]
    return [disc, *{"disc": [], "ring": [0.55 * disc], "crescent": [0.8 * disc + (0.45, 0.0)]}[name]]


def _mask(rng: np.random.Generator, name: str, side: int) -> np.ndarray:
    """Draw the shape at a random place, size and angle: float32 [side, side, 1], 1 inside."""
    radius = rng.uniform(0.22, 0.4) * side
    centre = rng.uniform(radius, side - radius, 2)
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mask = np.zeros((side, side), dtype=np.uint8)
    for polygon, value in zip(outline(name), (255, 0), strict=False):
        points = np.rint((polygon @ turn * radius + centre) * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [points], value, cv2.LINE_AA, SHIFT)
    return mask[..., None].astype(np.float32) / 255


def _texture(rng: np.random.Generator, side: int) -> np.ndarray:
    """Draw a grating or a checkerboard of two colours: float32 [side, side, 3]."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    angle, periods = rng.uniform(0, np.pi), rng.uniform(3, 12)
    cos, sin = (np.float32(2 * np.pi * periods * part) for part in (np.cos(angle), np.sin(angle)))
    wave = np.sin(x * cos + y * sin)
    if rng.random() < 0.5:
        wave *= np.sin(y * cos - x * sin)
    share = (0.5 + 0.5 * np.tanh(4 * wave))[..., None]
    first, second = rng.random((2, 3), dtype=np.float32)
    return share * first + (1 - share) * second


def draw(index: int, split: int, side: int) -> np.ndarray:
    """Draw sample ``index`` of a split (0 train, 1 test): RGB uint8 [side, side, 3]; its class is index modulo 10."""
    rng = np.random.default_rng([SEED, split, index])
    mask = _mask(rng, CLASSES[index % len(CLASSES)], side)
    picture = background(rng, side) * (1 - mask) + _texture(rng, side) * mask
    return np.rint(255 * picture).astype(np.uint8)


def read_shapes(spec: DatasetSpec, _: Acquired) -> RawSet:
    """Describe the splits. An image is drawn when it is read."""
    labels = np.arange(LARGEST) % len(CLASSES)
    return RawSet(
        CLASSES,
        Split(labels, lambda i: draw(int(i), 0, spec.resize), lambda i: f"shape {i}"),
        Split(labels, lambda i: draw(int(i), 1, spec.resize), lambda i: f"shape {i}"),
    )


SHAPES = DatasetSpec(
    name="shapes",
    kind="images",
    classes=CLASSES,
    image_size=32,
    mean=(0.5, 0.5, 0.5),
    std=(0.2, 0.2, 0.2),
    read=read_shapes,
    default_samples=(5000, 1000),
    licence="made here",
)
