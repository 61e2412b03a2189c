"""Caustic refraction: the image seen through water, with the light that its waves focus."""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.cbar.warps import sample
from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.filters import REFLECT, blur, gaussian_weights
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import uniform

REFRACTION = 4.0  # index of the water
SOFTENING = gaussian_weights(1.0)


def caustic_refraction(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Distort uint8 [N, H, W, 3] by the slopes of caustics, and brighten it by them.

    At amount 10 the lens is as deep as half the image's side, and a slope of 1 adds 510 grey levels to a pixel.
    """
    result = np.empty_like(images)
    depth = 0.05 * amount * min(images.shape[1:3])
    _refract_all(images, keys, SOFTENING, depth, 255 * 0.2 * amount, result)
    return result


@compiled
def _refract_all(images, keys, softening, depth, light, result):
    height, width = images.shape[1:3]
    caustics = np.empty((height, width))
    padded = np.zeros((height + 2, width + 2))  # dark around
    for i in range(len(images)):
        time = 0.5 + 1.5 * uniform(keys[i], 0)
        period = min(height, width) * (0.75 + 0.5 * uniform(keys[i], 1))
        for y in range(height):
            for x in range(width):
                caustics[y, x] = caustic(y / period % 1.0, x / period % 1.0, time)
        blur(caustics, softening, 1, REFLECT)
        padded[1:-1, 1:-1] = caustics
        for y in range(height):
            for x in range(width):
                down = padded[y + 2, x + 1] - padded[y, x + 1]
                right = padded[y + 1, x + 2] - padded[y + 1, x]
                bend = depth * deflection(down, right)
                brighter = light * (down - right)
                for c in range(3):
                    value = sample(images[i], y + bend * down, x + bend * right, c)
                    result[i, y, x, c] = to_byte(value + brighter)


@compiled
def caustic(y, x, time):
    """Return how much light falls on a point of a tile with sides of 1, in [0, 1]."""
    # The digits of a full turn as published, not math.tau: far from zero a sine depends on the last of them.
    start_y, start_x = 6.28318530718 * y - 250, 6.28318530718 * x - 250
    place_y, place_x, focus = start_y, start_x, 1.0
    for n in range(5):
        t = time * (1 - 3.5 / (n + 1))
        place_y, place_x = (
            start_y + math.cos(t - place_y) + math.sin(t + place_x),
            start_x + math.sin(t - place_x) + math.cos(t + place_y),
        )
        first = start_y * 0.005 / math.sin(place_y + t)
        second = start_x * 0.005 / math.cos(place_x + t)
        focus += 1 / math.sqrt(first * first + second * second)
    return min(abs(1.17 - (focus / 5) ** 1.4) ** 8, 1.0)


@compiled
def deflection(down, right):
    """Return how far a surface of this slope moves a vertical ray aside at depth 1.

    Snell's law: a surface tilted by angle a bends the ray to a - b with sin(b) = sin(a) / REFRACTION.
    """
    slope = math.sqrt(down * down + right * right)
    cosine = 1 / math.sqrt(1 + slope * slope)
    if cosine >= 1 - 1e-3:
        return 0.0
    tilt = math.acos(cosine)
    return math.sin(tilt - math.asin(math.sin(tilt) / REFRACTION)) / slope
