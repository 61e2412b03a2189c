"""Errors of a lens: blur around the middle, and colour channels that do not line up.

Both resample with cubic splines, as the published code does through scipy.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import spline_filter1d

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import mirror, to_byte
from dst_robustness.corruptions.random import integer

ROTATIONS = 21
ORDERS = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])


@compiled
def spline_weights(fraction, weights):
    """Write the weights of the cubic B-spline at the four nodes around a point ``fraction`` after the second."""
    rest = 1 - fraction
    weights[0] = rest * rest * rest / 6
    weights[1] = 2 / 3 - fraction * fraction * (1 - fraction / 2)
    weights[2] = 2 / 3 - rest * rest * (1 - rest / 2)
    weights[3] = fraction * fraction * fraction / 6


def circular_motion_blur(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Average 21 rotations of uint8 [N, H, W, 3] about the middle of each image.

    Amount 10 turns by up to 15 degrees either way. The weight of a rotation is exp(-2 t ** 2), where t grows from 0 for
    no turn to 1 for the largest. Nothing about it is random.
    """
    result = np.empty_like(images)
    turns = np.linspace(-1, 1, ROTATIONS)
    weights = np.array([math.exp(-2 * turn * turn) for turn in turns])
    # The coefficients of an interpolating spline solve a linear system, along one axis, then the other.
    coefficients = spline_filter1d(spline_filter1d(images, axis=1, mode="mirror"), axis=2, mode="mirror")
    _average_rotations(coefficients, np.radians(1.5 * amount) * turns, weights / math.fsum(weights), result)
    return result


@compiled
def _average_rotations(coefficients, angles, shares, result):
    count, height, width = coefficients.shape[:3]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    total = np.empty((height, width, 3))
    along_y, along_x = np.empty(4), np.empty(4)
    for i in range(count):
        total[:] = 0
        for k in range(len(angles)):
            cosine, sine = math.cos(angles[k]), math.sin(angles[k])
            for row in range(height):
                for column in range(width):
                    y = middle_y + cosine * (row - middle_y) + sine * (column - middle_x)
                    x = middle_x + cosine * (column - middle_x) - sine * (row - middle_y)
                    if 0 <= y <= height - 1 and 0 <= x <= width - 1:  # black outside
                        upper, left = math.floor(y), math.floor(x)
                        spline_weights(y - upper, along_y)
                        spline_weights(x - left, along_x)
                        for j in range(4):
                            source = coefficients[i, mirror(upper - 1 + j, height)]
                            for m in range(4):
                                pixel = source[mirror(left - 1 + m, width)]
                                weight = shares[k] * along_y[j] * along_x[m]
                                for c in range(3):
                                    total[row, column, c] += weight * pixel[c]
        for row in range(height):
            for column in range(width):
                for c in range(3):
                    result[i, row, column, c] = to_byte(total[row, column, c])


def transverse_chromatic_abberation(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Enlarge two random channels of uint8 [N, H, W, 3]; amount 10 enlarges one by 1.25 and the other by 1.5.

    As in the published code, all three channels are also rounded, and smoothed by a spline that takes the pixel values
    as its coefficients.
    """
    result = np.empty_like(images)
    rows, row_weights = _enlargements(images.shape[1], 0.05 * amount)
    columns, column_weights = _enlargements(images.shape[2], 0.05 * amount)
    _enlarge_channels(images, keys, ORDERS, rows, row_weights, columns, column_weights, result)
    return result


def _enlargements(size: int, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Return, for an axis enlarged by 1, 1 + most / 2 and 1 + most, the four nodes and weights of each pixel.

    Both arrays are [3, size, 4]. The middle of the enlarged axis is kept.
    """
    nodes, weights = np.empty((3, size, 4), dtype=np.int64), np.empty((3, size, 4))
    for k, scale in enumerate((1.0, 1 + most / 2, 1 + most)):
        enlarged = round(size * scale)
        step = (size - 1) / (enlarged - 1) if enlarged > 1 else 1.0
        for pixel in range(size):
            place = (pixel + (enlarged - size) // 2) * step
            first = math.floor(place)
            nodes[k, pixel] = [mirror(first - 1 + j, size) for j in range(4)]
            spline_weights(place - first, weights[k, pixel])
    return nodes, weights


@compiled
def _enlarge_channels(images, keys, orders, rows, row_weights, columns, column_weights, result):
    height, width = images.shape[1:3]
    stretched = np.empty((height, width))
    for i in range(len(images)):
        order = orders[integer(keys[i], 0, len(orders))]
        for c in range(3):
            k = order[c]
            for y in range(height):
                for x in range(width):
                    stretched[y, x] = 0
                    for m in range(4):
                        stretched[y, x] += column_weights[k, x, m] * images[i, y, columns[k, x, m], c]
            for y in range(height):
                for x in range(width):
                    total = 0.5
                    for j in range(4):
                        total += row_weights[k, y, j] * stretched[rows[k, y, j], x]
                    result[i, y, x, c] = to_byte(total)
