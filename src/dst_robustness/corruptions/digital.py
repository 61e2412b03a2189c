"""Digital: contrast, saturation, pixelation, JPEG.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte


def contrast(images: np.ndarray, keys: np.ndarray, factor: float) -> np.ndarray:
    """Pull every channel towards its mean over the image."""
    result = np.empty_like(images)
    _flatten(images.reshape(len(images), -1, 3), np.float32(factor), result.reshape(len(images), -1, 3))
    return result


@compiled
def _flatten(images, factor, result):
    count = images.shape[1]
    for i in range(len(images)):
        for c in range(3):
            total = 0
            for j in range(count):
                total += images[i, j, c]
            mean = np.float32(total / count)
            for j in range(count):
                result[i, j, c] = to_byte((images[i, j, c] - mean) * factor + mean)


def saturate(images: np.ndarray, keys: np.ndarray, factor: float, added: float) -> np.ndarray:
    """Change the saturation of HSV. Grey counts as red, as in the published code."""
    result = np.empty_like(images)
    _colour(images.reshape(-1, 3), np.float32(factor), np.float32(added), result.reshape(-1, 3))
    return result


@compiled
def _colour(pixels, factor, added, result):
    for i in range(len(pixels)):
        value = np.float32(max(pixels[i, 0], pixels[i, 1], pixels[i, 2]))
        range_ = value - np.float32(min(pixels[i, 0], pixels[i, 1], pixels[i, 2]))
        if range_ == 0:
            pale = to_byte(value * (np.float32(1) - min(added, np.float32(1))))
            result[i, 0], result[i, 1], result[i, 2] = pixels[i, 0], pale, pale
        else:
            saturation = range_ / value
            ratio = min(factor * saturation + added, np.float32(1)) / saturation
            for c in range(3):
                result[i, c] = to_byte(value - (value - pixels[i, c]) * ratio)


def pixelate(images: np.ndarray, keys: np.ndarray, scale: float) -> np.ndarray:
    """Shrink to ``scale`` times the size by averaging whole pixels, then repeat pixels, as Pillow's box filter does."""
    height, width = images.shape[1:3]
    result = np.empty_like(images)
    small_height, small_width = max(1, int(height * scale)), max(1, int(width * scale))
    down = _boxes(height, small_height), _boxes(width, small_width)
    up = _boxes(small_height, height)[:, 0], _boxes(small_width, width)[:, 0]
    _average_and_repeat(images, down, up, result)
    return result


def _boxes(length: int, count: int) -> np.ndarray:
    """Return which of ``length`` pixels each of ``count`` boxes averages: first, last + 1, int64 [count, 2].

    A pixel belongs to a box if its centre lies in it, right border included. If there are more boxes than pixels, each
    box holds one.
    """
    size = max(length / count, 1.0)
    pixels, centres = np.arange(length), (np.arange(count)[:, None] + 0.5) * (length / count)
    place = (pixels - centres + 0.5) * (1 / size)
    inside = (place > -0.5) & (place <= 0.5)
    inside &= (pixels >= (centres - size / 2 + 0.5).astype(int)) & (pixels < (centres + size / 2 + 0.5).astype(int))
    first = inside.argmax(axis=1)
    return np.stack([first, first + np.maximum(inside.sum(axis=1), 1)], axis=1)


@compiled
def _average_and_repeat(images, down, up, result):
    rows, columns = down
    row_of, column_of = up
    height, width = images.shape[1:3]
    weights = (4194304.0 / (columns[:, 1] - columns[:, 0]) + 0.5).astype(np.int32)
    narrow = np.empty((height, 3 * len(columns)), dtype=np.uint8)
    small = np.empty(3 * len(columns), dtype=np.uint8)
    total = np.empty(3 * len(columns), dtype=np.int32)
    for i in range(len(images)):
        for y in range(height):
            _average_columns(images[i, y], columns, weights, narrow[y])
        y = 0
        for k in range(len(rows)):
            _average_rows(narrow, rows[k, 0], rows[k, 1], total, small)
            first = y
            while y < height and row_of[y] == k:
                for x in range(width):
                    for c in range(3):
                        if y > first:
                            result[i, y, x, c] = result[i, first, x, c]
                        else:
                            result[i, y, x, c] = small[3 * column_of[x] + c]
                y += 1


@compiled
def _rounded_mean(total, weight):
    """Divide by a fixed-point multiplication, as Pillow does; ``weight`` is 2**22 / count, rounded."""
    return np.uint8((total * weight + np.int32(1 << 21)) >> np.int32(22))


@compiled
def _average_columns(row, columns, weights, narrow):
    for x in range(len(columns)):
        red, green, blue = np.int32(0), np.int32(0), np.int32(0)
        for k in range(columns[x, 0], columns[x, 1]):
            red += row[k, 0]
            green += row[k, 1]
            blue += row[k, 2]
        narrow[3 * x] = _rounded_mean(red, weights[x])
        narrow[3 * x + 1] = _rounded_mean(green, weights[x])
        narrow[3 * x + 2] = _rounded_mean(blue, weights[x])


@compiled
def _average_rows(narrow, first, last, total, small):
    weight = np.int32(4194304.0 / (last - first) + 0.5)
    for j in range(len(total)):
        total[j] = narrow[first, j]
    for k in range(first + 1, last):
        for j in range(len(total)):
            total[j] += narrow[k, j]
    for j in range(len(total)):
        small[j] = _rounded_mean(total[j], weight)
