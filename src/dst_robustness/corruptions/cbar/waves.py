"""Patterns of sines laid over the image: one plane wave, wobbling rings, plasma.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import bits, integer, uniform


def single_frequency_greyscale(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Add a grey plane wave of random direction and frequency; at amount 10 its amplitude is 196 grey levels."""
    result = np.empty_like(images)
    _add_plane_wave(images, keys, 19.6 * amount, result)
    return result


@compiled
def _add_plane_wave(images, keys, strength, result):
    for i in range(len(images)):
        along_x = math.pi * (2 * uniform(keys[i], 0) - 1)
        along_y = abs(along_x) * (2 * uniform(keys[i], 1) - 1)
        phase = 2 * math.pi * uniform(keys[i], 2)
        if bits(keys[i], 3) & np.uint64(1):
            along_x, along_y = along_y, along_x
        for y in range(images.shape[1]):
            for x in range(images.shape[2]):
                wave = strength * math.sin(along_x * x + along_y * y + phase)
                for c in range(3):
                    result[i, y, x, c] = to_byte(images[i, y, x, c] + wave)


def cocentric_sine_waves(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Add wobbling sawtooth rings around a random point; at amount 10 they run from -64 to 64 grey levels."""
    result = np.empty_like(images)
    _add_rings(images, keys, 12.8 * amount, result)
    return result


@compiled
def _add_rings(images, keys, strength, result):
    height, width = images.shape[1:3]
    side = min(height, width)
    for i in range(len(images)):
        centre_y, centre_x = height * uniform(keys[i], 0), width * uniform(keys[i], 1)
        wobbles = 10 * uniform(keys[i], 2)
        wobble = 0.1 * side * uniform(keys[i], 3)
        ring = 0.1 * side * (1 - uniform(keys[i], 4))  # never 0
        for y in range(height):
            for x in range(width):
                right, down = x - centre_x, y - centre_y
                distance = math.sqrt(right * right + down * down)
                rings = (distance + wobble * math.sin(wobbles * math.atan2(right, down))) / ring
                wave = strength * (rings - math.floor(rings) - 0.5)
                for c in range(3):
                    result[i, y, x, c] = to_byte(images[i, y, x, c] + wave)


def plasma_noise(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Add coloured sines over a plane that is bent by sines of rising frequency; amount 10 adds 64 grey levels.

    The image is scaled by 1 - amplitude / 255 first, so that nothing overflows.
    """
    result = np.empty_like(images)
    _add_plasma(images, keys, 6.4 * amount, result)
    return result


@compiled
def _add_plasma(images, keys, strength, result):
    height, width = images.shape[1:3]
    colour = np.empty(3)
    for i in range(len(images)):
        time = 6 * math.pi * uniform(keys[i], 0)
        rounds = 4 + integer(keys[i], 1, 3)
        blunter = 2.25 - (0.5 + 0.5 * uniform(keys[i], 2))
        scale = min(height, width) * (0.075 + 0.125 * uniform(keys[i], 3))
        for y in range(height):
            for x in range(width):
                _plasma(x / scale, y / scale, time, rounds, blunter, colour)
                for c in range(3):
                    value = (1 - strength / 255) * images[i, y, x, c] + strength * colour[c]
                    result[i, y, x, c] = to_byte(value)


@compiled
def _plasma(x, y, time, rounds, blunter, colour):
    """Write the colour of a point, each channel in [-1, 1]."""
    frequency, slowing, damping = 1.0, 1.0, 1.0
    for _ in range(rounds):
        first = math.cos(y * frequency + time / slowing) / damping
        second = math.sin(x * frequency + time / slowing) / damping
        x += first - 0.3 * second
        y += second + 0.3 * first
        frequency, slowing, damping = 1.93 * frequency, 1.15 * slowing, blunter * damping
    colour[0] = math.sin(x - time)
    colour[1] = math.sin(0.5 * (x + y + math.sin(time)))
    colour[2] = math.sin(y + time)
