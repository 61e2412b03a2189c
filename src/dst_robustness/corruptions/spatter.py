"""Spatter: drops of water with a glint, or mud."""

from __future__ import annotations

import cv2
import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.filters import NEAREST, blur, gaussian_weights
from dst_robustness.corruptions.pixels import mirror, to_byte
from dst_robustness.corruptions.random import normal

_RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
# Lengths of the steps of the chamfer, in 1/65536 pixel.
_STRAIGHT, _DIAGONAL, _KNIGHT = 65536, round(1.4 * 65536), round(2.1969 * 65536)
_WATER = np.array([175, 238, 238], dtype=np.float32)
_MUD = np.array([63, 42, 20], dtype=np.float32)


def spatter(
    images: np.ndarray,
    keys: np.ndarray,
    mean: float,
    deviation: float,
    sigma: float,
    cut: float,
    strength: float,
    is_mud: bool,
) -> np.ndarray:
    """Cover the image with blurred normal noise above ``cut``; ``strength`` is the mud's sigma or the water's weight.

    Args:
        images: uint8 [N, H, W, 3].
        keys: uint64 [N].
        mean: mean of the liquid, in units of the [0, 1] image.
        deviation: standard deviation of the liquid before blurring, in the same units.
        sigma: sigma of its blur in pixels.
        cut: below this value there is no liquid.
        strength: weight of the water, or sigma of the mud's second blur in pixels.
        is_mud: mud if true, else water.
    """
    result = np.empty_like(images)
    weights = gaussian_weights(sigma).astype(np.float32)
    soft = gaussian_weights(strength).astype(np.float32) if is_mud else weights
    for image, key, out in zip(images, keys, result, strict=True):
        liquid = _liquid(key, *image.shape[:2], mean, deviation, weights, np.float32(cut))
        if is_mud:
            _cover_with_mud(image, liquid, soft, out)
        else:
            _add_water(image, *_glint(liquid), np.float32(strength), out)
    return result


@compiled
def _liquid(key, height, width, mean, deviation, weights, cut):
    liquid = np.empty((height, width), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            liquid[y, x] = mean + deviation * normal(key, y * width + x)
    blur(liquid, weights, 1, NEAREST)
    for y in range(height):
        for x in range(width):
            if liquid[y, x] < cut:
                liquid[y, x] = 0
    return liquid


def _glint(liquid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the liquid and its shine, both uint8 [H, W]. The shine is a relief of the distance to the edges."""
    liquid = np.minimum(liquid * 255, 255).astype(np.uint8)
    relief = cv2.equalizeHist(_mean_of_nine(_distance_to_edge(cv2.Canny(liquid, 50, 150))))
    return liquid, cv2.blur(cv2.filter2D(relief, cv2.CV_8U, _RELIEF), (3, 3))


@compiled
def _distance_to_edge(edges):
    """Return the distance of each pixel to the nearest edge, at most 20, by a 5x5 chamfer (Borgefors, CVGIP 34, 1986).

    It counts in whole 1/65536 of a pixel. OpenCV's own function gives other values where Intel's library is installed.
    """
    height, width = edges.shape
    limit = 20 << 16
    far = np.full((height + 4, width + 4), limit, dtype=np.int32)
    for y in range(height):
        for x in range(width):
            if edges[y, x]:
                far[y + 2, x + 2] = 0
    for step in (1, -1):  # from the top left, then from the bottom right
        for row in range(height):
            y = row + 2 if step == 1 else height + 1 - row
            above, above_2 = y - step, y - 2 * step
            for column in range(width):
                x = column + 2 if step == 1 else width + 1 - column
                straight = min(far[y, x - step], far[above, x]) + _STRAIGHT
                diagonal = min(far[above, x - 1], far[above, x + 1]) + _DIAGONAL
                knight = min(min(far[above, x - 2], far[above, x + 2]), min(far[above_2, x - 1], far[above_2, x + 1]))
                far[y, x] = min(min(far[y, x], straight), min(diagonal, knight + _KNIGHT))
    return far[2:-2, 2:-2] / 65536


@compiled
def _mean_of_nine(image):
    """Return the mean over 3x3 pixels, fractions cut off, uint8. OpenCV's result depends on the processor here."""
    height, width = image.shape
    result = np.empty((height, width), dtype=np.uint8)
    for y in range(height):
        for x in range(width):
            total = 0.0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    total += image[mirror(y + dy, height), mirror(x + dx, width)]
            result[y, x] = np.uint8(total / 9)
    return result


@compiled
def _add_water(image, liquid, shine, strength, result):
    height, width = liquid.shape
    brightest = 0
    for y in range(height):
        for x in range(width):
            brightest = max(brightest, np.int64(liquid[y, x]) * np.int64(shine[y, x]))
    for y in range(height):
        for x in range(width):
            # An image without a single drop stays as it is.
            wet = strength * np.float32(np.int64(liquid[y, x]) * np.int64(shine[y, x])) / np.float32(max(brightest, 1))
            for c in range(3):
                result[y, x, c] = to_byte(image[y, x, c] + wet * _WATER[c])


@compiled
def _cover_with_mud(image, liquid, weights, result):
    mud = (liquid > 0).astype(np.float32)
    blur(mud, weights, 1, NEAREST)
    for y in range(mud.shape[0]):
        for x in range(mud.shape[1]):
            thick = mud[y, x] if mud[y, x] >= np.float32(0.8) else np.float32(0)
            for c in range(3):
                result[y, x, c] = to_byte(image[y, x, c] * (np.float32(1) - thick) + thick * _MUD[c])
