"""Perlin noise: turbulence of five octaves laid over the image."""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import bits

OCTAVES = 5
CELLS = 7  # of the first octave, along the shorter side: 32 pixels each of 224


def perlin_noise(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Blend uint8 [N, H, W, 3] with grey turbulence (Perlin, SIGGRAPH 1985); amount 10 blends half and half.

    Each node of the lattice has its own gradient here. The published code takes it from a table of 256.
    """
    result = np.empty_like(images)
    _blend_with_turbulence(images, keys, 0.05 * amount, result)
    return result


@compiled
def _blend_with_turbulence(images, keys, share, result):
    height, width = images.shape[1:3]
    step = CELLS / min(height, width)
    finest = step * 2 ** (OCTAVES - 1)
    gradients = np.empty((int(finest * (height - 1)) + 2, int(finest * (width - 1)) + 2, 2))
    for i in range(len(images)):
        _draw_gradients(keys[i], gradients)
        for y in range(height):
            for x in range(width):
                total, frequency = 0.0, 1.0
                for _ in range(OCTAVES):
                    total += abs(gradient_noise(y * step * frequency, x * step * frequency, gradients)) / frequency
                    frequency *= 2
                grey = 255 * share * min(0.5 * total + 0.5, 1.0)
                for c in range(3):
                    result[i, y, x, c] = to_byte((1 - share) * images[i, y, x, c] + grey)


@compiled
def _draw_gradients(key, gradients):
    """Draw a unit vector for each node: it points to a random one of 512 x 512 points in a square around the node."""
    for node_y in range(gradients.shape[0]):
        for node_x in range(gradients.shape[1]):
            word = bits(key, node_y * gradients.shape[1] + node_x)
            down = float(word >> np.uint64(55)) - 256
            right = float((word >> np.uint64(46)) & np.uint64(511)) - 256
            length = math.sqrt(down * down + right * right)
            if length == 0:
                down, length = 1.0, 1.0
            gradients[node_y, node_x, 0], gradients[node_y, node_x, 1] = down / length, right / length


@compiled
def gradient_noise(y, x, gradients):
    """Return Perlin's noise at a point, in units of the lattice. At a node it is 0 and has the node's slope."""
    upper, left = int(y), int(x)
    down, right = y - upper, x - left
    smooth_y, smooth_x = down * down * (3 - 2 * down), right * right * (3 - 2 * right)
    above = _between(gradients[upper, left], gradients[upper, left + 1], down, right, smooth_x)
    below = _between(gradients[upper + 1, left], gradients[upper + 1, left + 1], down - 1, right, smooth_x)
    return 1.5 * (above + smooth_y * (below - above))


@compiled
def _between(first, second, down, right, share):
    """Return the height at a point under the slopes of two neighbouring nodes, mixed by ``share`` for the second.

    The point is given relative to the first node.
    """
    near = down * first[0] + right * first[1]
    far = down * second[0] + (right - 1) * second[1]
    return near + share * (far - near)
