"""Stars of white rays on the image, and a white image with a star-shaped hole.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import integer, normal, uniform

STARS = 5
FEWEST_RAYS, RAYS_UP_TO = 50, 200
_DRAWS = 3 + RAYS_UP_TO  # random numbers that a star takes


def sparkles(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Lay five white stars over the image; at amount 10 their radius is 10% of its side."""
    result = np.empty_like(images)
    _add_stars(images, keys, 0.01 * amount * min(images.shape[1:3]), result)
    return result


@compiled
def _add_stars(images, keys, radius, result):
    height, width = images.shape[1:3]
    kept = np.empty((height, width))
    for i in range(len(images)):
        kept[:] = 1.0
        for star in range(STARS):
            first = star * _DRAWS
            centre_y, centre_x = height * uniform(keys[i], first), width * uniform(keys[i], first + 1)
            lengths = _ray_lengths(keys[i], first + 2, radius, 1.0)
            for y in range(height):
                for x in range(width):
                    kept[y, x] *= 1 - ray_strength(y - centre_y, x - centre_x, lengths, 1.0)
        for y in range(height):
            for x in range(width):
                for c in range(3):
                    result[i, y, x, c] = to_byte(255 - kept[y, x] * (255 - float(images[i, y, x, c])))


def inverse_sparkles(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Turn everything white except a star with rays of a quarter of the image's side; amount 10 leaves the least."""
    result = np.empty_like(images)
    _keep_star(images, keys, 0.13 * amount, result)
    return result


@compiled
def _keep_star(images, keys, sharpness, result):
    height, width = images.shape[1:3]
    for i in range(len(images)):
        centre_y = height * (0.25 + 0.5 * uniform(keys[i], 0))
        centre_x = width * (0.25 + 0.5 * uniform(keys[i], 1))
        lengths = _ray_lengths(keys[i], 2, 0.25 * min(height, width), -np.inf)
        for y in range(height):
            for x in range(width):
                kept = ray_strength(y - centre_y, x - centre_x, lengths, sharpness)
                for c in range(3):
                    result[i, y, x, c] = to_byte(255 - kept * (255 - float(images[i, y, x, c])))


@compiled
def _ray_lengths(key, first, radius, shortest):
    """Return the lengths of 50 to 199 rays. They scatter around the radius by a quarter of it."""
    lengths = np.empty(FEWEST_RAYS + integer(key, first, RAYS_UP_TO - FEWEST_RAYS))
    for ray in range(len(lengths)):
        lengths[ray] = max(shortest, radius * (1 + 0.25 * normal(key, first + 1 + ray)))
    return lengths


@compiled
def ray_strength(down, right, lengths, sharpness):
    """Return the strength of a star's light at a point relative to its middle, in [0, 1].

    It is 1 up to the length of the nearest rays, and beyond that falls with the distance to the power of
    -2 ``sharpness``. It also falls by a quarter from the middle between two rays to each of them.
    """
    rays = len(lengths)
    place = (math.atan2(right, down) + math.pi) / (2 * math.pi) * rays
    ray = int(place)
    between = place - ray
    length = lengths[ray % rays] + between * (lengths[(ray + 1) % rays] - lengths[ray % rays])
    light = (length * length / (down * down + right * right + 1e-4)) ** sharpness
    return min((1 - (between - 0.5) ** 2) * light, 1.0)
