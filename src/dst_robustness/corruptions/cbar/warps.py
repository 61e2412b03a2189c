"""Ripples, and whirlpools side by side.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import bits, uniform

WHIRLPOOLS = 3  # along the shorter side


@compiled
def sample(image, y, x, channel):
    """Return the value between pixels, interpolated linearly along both axes; black outside the image."""
    upper, left = math.floor(y), math.floor(x)
    total = 0.0
    for row in range(upper, upper + 2):
        for column in range(left, left + 2):
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * image[row, column, channel]
    return total


def ripple(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Shift pixels along both axes by two sine waves; at amount 10 by 2.5% of the image's side."""
    result = np.empty_like(images)
    _ripple_all(images, keys, 0.0025 * amount * min(images.shape[1:3]), result)
    return result


@compiled
def _ripple_all(images, keys, height_of_wave, result):
    height, width = images.shape[1:3]
    side = min(height, width)
    for i in range(len(images)):
        length_y, length_x = side * (0.1 + 0.2 * uniform(keys[i], 0)), side * (0.1 + 0.2 * uniform(keys[i], 1))
        phase_y, phase_x = uniform(keys[i], 2), uniform(keys[i], 3)
        for y in range(height):
            from_y = y + height_of_wave * math.sin(2 * math.pi * (y / length_y + phase_y))
            for x in range(width):
                from_x = x + height_of_wave * math.sin(2 * math.pi * (x / length_x + phase_x))
                for c in range(3):
                    result[i, y, x, c] = to_byte(sample(images[i], from_y, from_x, c))


def pinch_and_twirl(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Pinch and twirl three by three circles, each in a random direction; at amount 10 by a quarter turn."""
    result = images.copy()
    _twirl_all(images, keys, 0.05 * math.pi * amount, 0.04 * amount + 0.1, result)
    return result


@compiled
def _twirl_all(images, keys, angle, pinch, result):
    height, width = images.shape[1:3]
    size = min(height, width) // WHIRLPOOLS
    if size == 0:
        return
    columns = width * WHIRLPOOLS // min(height, width)
    for i in range(len(images)):
        for row in range(height * WHIRLPOOLS // min(height, width)):
            for column in range(columns):
                turn = angle if bits(keys[i], row * columns + column) & np.uint64(1) else -angle
                twirl(images[i], row * size, column * size, size, turn, pinch, result[i])


@compiled
def twirl(image, top, left, size, angle, pinch, result):
    """Write the square at (top, left) with its inner circle pinched and turned by ``angle`` in the middle."""
    radius = size / 2
    for y in range(top, top + size):
        for x in range(left, left + size):
            down, right = y - (top + radius), x - (left + radius)
            distance = math.sqrt(down * down + right * right)
            if 0.0005 < distance <= radius:
                outwards = math.sin(0.5 * math.pi * distance / radius) ** -pinch
                turn = angle * (1 - distance / radius) ** 2
                from_y = top + radius + outwards * (down * math.cos(turn) - right * math.sin(turn))
                from_x = left + radius + outwards * (down * math.sin(turn) + right * math.cos(turn))
                for c in range(3):
                    result[y, x, c] = to_byte(sample(image, from_y, from_x, c))
