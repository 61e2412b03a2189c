"""Rain: thin grey lines with the scene blurred below them, at reduced contrast."""

from __future__ import annotations

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import mirror, to_byte
from dst_robustness.corruptions.random import integer

_GREY = np.float32(220 / 255)
_BUILT_FOR = 224  # pixels, the frame height of the published constants


def rain(images: np.ndarray, keys: np.ndarray, spacing: float, length: float, contrast: float) -> np.ndarray:
    """Draw drops one pixel wide on images uint8 [N, H, W, 3], one for every ``spacing`` pixels.

    All lines lean by one pixel to the left. In the published code the random slant only moves the range of their
    starts. In frames of another height, drops have the same length relative to the frame and cover the same share of
    it.
    """
    height, width = images.shape[1:3]
    scale = height / _BUILT_FOR
    drops = max(1, round(height * width / (spacing * scale)))
    result = np.empty_like(images)
    _rain_all(images, keys, drops, min(height - 1, max(1, round(length * scale))), np.float32(contrast), result)
    return result


@compiled
def _rain_all(images, keys, drops, length, contrast, result):
    height, width = images.shape[1:3]
    for i in range(len(images)):
        image = images[i].astype(np.float32)
        wet = _drop_mask(keys[i], drops, length, height, width)
        dark = np.float32(1) - image.mean() / np.float32(255)
        lit = np.empty_like(image)
        for y in range(height):
            for x in range(width):
                for c in range(3):
                    glow = wet[y, x] * np.float32(255) * (np.float32(1) - image[y, x, c] / np.float32(255)) * dark
                    lit[y, x, c] = image[y, x, c] + np.floor(glow)
        scene = np.empty_like(image)
        for y in range(height):
            for x in range(width):
                for c in range(3):
                    scene[y, x, c] = image[y, x, c]
                    if wet[y, x] > 0:
                        soft = _box(lit, y, x, c)
                        scene[y, x, c] = soft * wet[y, x] + image[y, x, c] * (np.float32(1) - wet[y, x])
        for c in range(3):
            mean = scene[:, :, c].mean()
            for y in range(height):
                for x in range(width):
                    result[i, y, x, c] = to_byte((scene[y, x, c] - mean) * contrast + mean)


@compiled
def _drop_mask(key, drops, length, height, width):
    """Return where drops are: float32 [height, width], the grey of a drop or 0."""
    mask = np.zeros((height, width), dtype=np.float32)
    lean = integer(key, 0, 20) - 10
    first, count = (lean, width - lean) if lean < 0 else (0, max(1, width - lean))
    for k in range(drops):
        left = first + integer(key, 1 + 2 * k, count)
        top = integer(key, 2 + 2 * k, max(1, height - length))
        for j in range(length + 1):
            y, x = top + j, left - (2 * j > length)
            if y < height and 0 <= x < width:
                mask[y, x] = _GREY
    return mask


@compiled
def _box(image, y, x, c):
    """Return the mean of the 3 x 3 values around a pixel, mirrored at the edges, in whole grey levels."""
    height, width = image.shape[:2]
    total = np.float32(0)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            total += image[mirror(y + dy, height), mirror(x + dx, width), c]
    return np.floor(total / np.float32(9) + np.float32(0.5))
