"""Linear filters on one image, float32 (or float64) [H, W * C] with the channels of a pixel side by side.

OpenCV's filters are not used, since they choose their instructions by processor, which changes the last bit.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import clamp, mirror_edge

NEAREST, REFLECT = 0, 1


def gaussian_weights(sigma: float, truncate: float = 4.0) -> np.ndarray:
    """Return one half of a Gaussian whose whole sums to 1, centre first; float64 [radius + 1]."""
    radius = int(truncate * sigma + 0.5)
    weights = [1.0] + [math.exp(-0.5 * i * i / (sigma * sigma)) for i in range(1, radius + 1)]
    total = 1.0
    for weight in weights[1:]:
        total += 2 * weight
    return np.array(weights) / total


@compiled
def blur(image, weights, channels, border):
    """Convolve in place with a symmetric kernel along both axes; ``border`` is NEAREST or REFLECT.

    Sums run from the far neighbours to the near ones, as in scipy. So a float64 result equals scipy's to the last bit.
    """
    radius = len(weights) - 1
    if radius == 0:
        return
    height, length = image.shape
    width = length // channels
    source = image.copy()
    padded = np.empty((width + 2 * radius) * channels, dtype=image.dtype)
    centre = padded[radius * channels : radius * channels + length]
    for y in range(height):
        _symmetric_sum(centre, source[y], weights[0])
        for r in range(radius, 0, -1):
            above = mirror_edge(y - r, height) if border == REFLECT else clamp(y - r, height)
            below = mirror_edge(y + r, height) if border == REFLECT else clamp(y + r, height)
            _add_pair(centre, source[above], source[below], weights[r])
        for r in range(1, radius + 1):
            left = mirror_edge(-r, width) if border == REFLECT else 0
            right = mirror_edge(width - 1 + r, width) if border == REFLECT else width - 1
            for c in range(channels):
                padded[(radius - r) * channels + c] = centre[left * channels + c]
                padded[(radius + width - 1 + r) * channels + c] = centre[right * channels + c]
        _symmetric_sum(image[y], centre, weights[0])
        for r in range(radius, 0, -1):
            first, second = (radius - r) * channels, (radius + r) * channels
            _add_pair(image[y], padded[first : first + length], padded[second : second + length], weights[r])


@compiled
def _symmetric_sum(result, row, weight):
    for j in range(len(result)):
        result[j] = weight * row[j]


@compiled
def _add_pair(result, first, second, weight):
    for j in range(len(result)):
        result[j] += weight * (first[j] + second[j])


@compiled
def add_scaled(result, row, weight):
    """Add ``weight`` times a row to another."""
    for j in range(len(result)):
        result[j] += weight * row[j]


def motion_weights(radius: float, sigma: float) -> np.ndarray:
    """Return the one-sided half Gaussian of ImageMagick's motion blur, float32 [2 * ceil(radius) + 1]."""
    weights = np.array([math.exp(-0.5 * (i / sigma) ** 2) for i in range(2 * math.ceil(radius) + 1)])
    return (weights / weights.sum()).astype(np.float32)


@compiled
def smear(image, weights, degrees, channels):
    """Return the image blurred along one direction, with edges repeated.

    Pixel p becomes the sum over i of weights[i] times the pixel i steps away in the given direction.
    """
    height, length = image.shape
    width, reach = length // channels, len(weights) - 1
    across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    padded = np.empty((height, (width + 2 * reach) * channels), dtype=np.float32)
    for y in range(height):
        for x in range(-reach, width + reach):
            for c in range(channels):
                padded[y, (x + reach) * channels + c] = image[y, clamp(x, width) * channels + c]
    result = np.zeros_like(image)
    for y in range(height):
        for i in range(reach + 1):
            start = (reach + math.ceil(i * across - 0.5)) * channels
            row = padded[clamp(y + math.ceil(i * down - 0.5), height)]
            add_scaled(result[y], row[start : start + length], weights[i])
    return result
