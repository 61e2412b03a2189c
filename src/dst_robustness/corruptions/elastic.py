"""Elastic transform: a random affine map, then a smooth random displacement of every pixel."""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.filters import REFLECT, blur, gaussian_weights
from dst_robustness.corruptions.pixels import mirror, to_byte
from dst_robustness.corruptions.random import uniform


def elastic_transform(
    images: np.ndarray, keys: np.ndarray, strength: float, sigma: float, corner_range: float
) -> np.ndarray:
    """Move three points by up to ``corner_range`` pixels, warp the image with them, then displace by blurred noise."""
    result = np.empty_like(images)
    weights = gaussian_weights(sigma, truncate=3.0).astype(np.float32)
    _warp_all(images, keys, np.float32(strength), weights, corner_range, result)
    return result


@compiled
def _warp_all(images, keys, strength, weights, corner_range, result):
    height, width = images.shape[1:3]
    turned = np.empty((height, width, 3), dtype=np.float32)
    fields = np.empty((2, height, width), dtype=np.float32)
    for i in range(len(images)):
        _affine(images[i], keys[i], corner_range, turned)
        for axis in range(2):
            for y in range(height):
                for x in range(width):
                    counter = 6 + (axis * height + y) * width + x
                    fields[axis, y, x] = strength * (2.0 * uniform(keys[i], counter) - 1.0)
            if strength > 0:
                blur(fields[axis], weights, 1, REFLECT)
        _displace(turned, fields[0], fields[1], result[i])


@compiled
def _affine(image, key, corner_range, result):
    """Sample the image at the inverse of the map that takes three points to their moved places.

    It follows OpenCV's warpAffine of the benchmark's time, which has coordinates in steps of 1/32 pixel.
    """
    height, width = image.shape[:2]
    reach = min(height, width) // 3
    if reach == 0:  # the image is too small for three different points
        for y in range(height):
            for x in range(width):
                for channel in range(3):
                    result[y, x, channel] = image[y, x, channel]
        return
    # The published code confuses (height, width) with (x, y) here; for square images it makes no difference.
    middle_x, middle_y = height // 2, width // 2
    moved = np.empty(6)
    for k in range(6):
        moved[k] = corner_range * (2.0 * uniform(key, k) - 1.0)
    # Points (m + r, m + r), (m + r, m - r), (m - r, m - r): the last two differences span the plane.
    x_0, y_0 = middle_x + reach + moved[0], middle_y + reach + moved[1]
    x_1, y_1 = middle_x + reach + moved[2], middle_y - reach + moved[3]
    x_2, y_2 = middle_x - reach + moved[4], middle_y - reach + moved[5]
    a, b = (x_1 - x_2) / (2 * reach), (x_0 - x_1) / (2 * reach)
    c, d = (y_1 - y_2) / (2 * reach), (y_0 - y_1) / (2 * reach)
    shift_x = x_2 - a * (middle_x - reach) - b * (middle_y - reach)
    shift_y = y_2 - c * (middle_x - reach) - d * (middle_y - reach)
    determinant = a * d - b * c
    if determinant == 0:
        determinant = 1.0
    # Inverse map in steps of 1/1024. The parts of column and row are rounded separately, as OpenCV does.
    scale = 1024.0 / determinant
    columns = np.empty((2, width), dtype=np.int64)
    for x in range(width):
        columns[0, x], columns[1, x] = round(scale * d * x), round(scale * -c * x)
    for y in range(height):
        row_x = round(scale * (-b * (y - shift_y) - d * shift_x)) + 16
        row_y = round(scale * (a * (y - shift_y) + c * shift_x)) + 16
        for x in range(width):
            steps_x, steps_y = (row_x + columns[0, x]) >> 5, (row_y + columns[1, x]) >> 5
            left, upper = mirror(steps_x >> 5, width), mirror(steps_y >> 5, height)
            right, lower = mirror((steps_x >> 5) + 1, width), mirror((steps_y >> 5) + 1, height)
            t, u = np.float32((steps_x & 31) / 32), np.float32((steps_y & 31) / 32)
            for channel in range(3):
                above = image[upper, left, channel] * (np.float32(1) - t) + image[upper, right, channel] * t
                under = image[lower, left, channel] * (np.float32(1) - t) + image[lower, right, channel] * t
                result[y, x, channel] = above * (np.float32(1) - u) + under * u


@compiled
def _displace(image, across, down, result):
    height, width = image.shape[:2]
    for y in range(height):
        for x in range(width):
            source_x = _fold(np.float32(x) + across[y, x], width)
            source_y = _fold(np.float32(y) + down[y, x], height)
            left, upper = math.floor(source_x), math.floor(source_y)
            t, u = source_x - np.float32(left), source_y - np.float32(upper)
            right, lower = mirror(left + 1, width), mirror(upper + 1, height)
            left, upper = mirror(left, width), mirror(upper, height)
            for c in range(3):
                above = image[upper, left, c] + t * (image[upper, right, c] - image[upper, left, c])
                under = image[lower, left, c] + t * (image[lower, right, c] - image[lower, left, c])
                result[y, x, c] = to_byte(above + u * (under - above))


@compiled
def _fold(place, count):
    """Return a coordinate in (-1, count), reflected as scipy's map_coordinates did before version 1.6.

    Between -1 and 0, and beyond count - 1, that leaves a gap, which the caller fills by mirroring. The published images
    were made that way.
    """
    if 0 <= place < count:
        return place
    period = np.float32(2 * count)
    place -= period * np.floor(place / period)
    return place if place < count else period - place - np.float32(1)
