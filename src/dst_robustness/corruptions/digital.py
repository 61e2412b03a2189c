"""Digital: contrast, saturation, pixelation, JPEG.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import cv2
import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte


def contrast(images: np.ndarray, keys: np.ndarray, factor: float) -> np.ndarray:
    """Draw every channel towards its mean over the image."""
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
    """Change the saturation of HSV; grey counts as red, as it does in the published code."""
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
    """Average whole pixels down to ``scale`` times the size and repeat them up again, as Pillow's box filter does."""
    height, width = images.shape[1:3]
    result = np.empty_like(images)
    small_height, small_width = max(1, int(height * scale)), max(1, int(width * scale))
    row_of, column_of = _boxes(small_height, height)[:, 0], _boxes(small_width, width)[:, 0]
    _average_boxes(images, _boxes(height, small_height), row_of, _boxes(width, small_width), column_of, result)
    return result


def _boxes(length: int, count: int) -> np.ndarray:
    """Return which of ``length`` pixels each of ``count`` boxes averages: first, last + 1, int64 [count, 2].

    A pixel belongs to a box if its centre lies in it, the right border included; more boxes than pixels hold one each.
    """
    size = max(length / count, 1.0)
    pixels, centres = np.arange(length), (np.arange(count)[:, None] + 0.5) * (length / count)
    place = (pixels - centres + 0.5) * (1 / size)
    inside = (place > -0.5) & (place <= 0.5)
    inside &= (pixels >= (centres - size / 2 + 0.5).astype(int)) & (pixels < (centres + size / 2 + 0.5).astype(int))
    first = inside.argmax(axis=1)
    return np.stack([first, first + np.maximum(inside.sum(axis=1), 1)], axis=1)


@compiled
def _average_boxes(images, rows, row_of, columns, column_of, result):
    height, width = images.shape[1:3]
    narrow = np.empty((height, len(columns), 3), dtype=np.int64)
    small = np.empty((len(rows), len(columns), 3), dtype=np.uint8)
    for i in range(len(images)):
        for y in range(height):
            for x in range(len(columns)):
                first, last = columns[x]
                weight = np.int64(4194304.0 / (last - first) + 0.5)
                for c in range(3):
                    total = 0
                    for k in range(first, last):
                        total += images[i, y, k, c]
                    narrow[y, x, c] = (total * weight + 2097152) >> 22
        for y in range(len(rows)):
            first, last = rows[y]
            weight = np.int64(4194304.0 / (last - first) + 0.5)
            for x in range(len(columns)):
                for c in range(3):
                    total = 0
                    for k in range(first, last):
                        total += narrow[k, x, c]
                    small[y, x, c] = (total * weight + 2097152) >> 22
        for y in range(height):
            for x in range(width):
                for c in range(3):
                    result[i, y, x, c] = small[row_of[y], column_of[x], c]


def jpeg_compression(images: np.ndarray, keys: np.ndarray, quality: int) -> np.ndarray:
    """Encode as JPEG (4:2:0, standard tables) and decode."""
    result = np.empty_like(images)
    for image, out in zip(images, result, strict=True):
        encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
        out[:] = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
    return result
