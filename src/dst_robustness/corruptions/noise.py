"""Noise: Gaussian, shot (Poisson), impulse (salt and pepper), speckle.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import bits, normal


def gaussian_noise(images: np.ndarray, keys: np.ndarray, sigma: float) -> np.ndarray:
    """Add normal noise of standard deviation ``sigma`` to every value."""
    result = np.empty_like(images)
    _add_normal(images.reshape(len(images), -1), keys, 255.0 * sigma, 0.0, result.reshape(len(images), -1))
    return result


def speckle_noise(images: np.ndarray, keys: np.ndarray, sigma: float) -> np.ndarray:
    """Add normal noise of standard deviation ``sigma`` times the value."""
    result = np.empty_like(images)
    _add_normal(images.reshape(len(images), -1), keys, 0.0, sigma, result.reshape(len(images), -1))
    return result


@compiled
def _add_normal(images, keys, constant, proportional, result):
    for i in range(len(images)):
        for j in range(images.shape[1]):
            value = float(images[i, j])
            result[i, j] = to_byte(value + (constant + proportional * value) * normal(keys[i], j))


def shot_noise(images: np.ndarray, keys: np.ndarray, photons: float) -> np.ndarray:
    """Replace every value v in [0, 1] by a Poisson count of mean v * ``photons``, divided by ``photons``."""
    result = np.empty_like(images)
    chances, start = _poisson_table(photons)
    _draw_from_table(images.reshape(len(images), -1), keys, chances, start, result.reshape(len(images), -1))
    return result


@lru_cache(maxsize=16)
def _poisson_table(photons: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the distribution of the outcome for each of the 256 values, and where to start a search in it.

    Returns:
        chances: uint32 [256, 256], the probability that value v becomes at most w, in units of 2**-32.
        start: uint8 [256, 256], the first w whose chance exceeds the top 8 bits of a draw.
    """
    counts = np.arange(math.ceil(photons))
    outcome = np.minimum(255, np.floor(255 * (counts / photons))).astype(int)
    factorials = np.array([math.lgamma(count + 1) for count in counts])
    mean = np.arange(1, 256)[:, None] * (photons / 255)
    probability = np.zeros((256, 256))
    rows = np.arange(1, 256)[:, None]
    np.add.at(probability, (rows, outcome[None]), np.exp(counts * np.log(mean) - mean - factorials))
    probability[0, 0] = 1
    cumulative = np.minimum(np.cumsum(probability, axis=1), 1)
    cumulative[:, 255] = 1
    chances = np.minimum(np.round(cumulative * 2.0**32), 2**32 - 1).astype(np.uint32)
    steps = (np.arange(256) << 24).astype(np.uint32)
    start = np.stack([np.searchsorted(row, steps, side="right") for row in chances])
    return chances, np.minimum(start, 255).astype(np.uint8)


@compiled
def _draw_from_table(images, keys, chances, start, result):
    for i in range(len(images)):
        for j in range(images.shape[1]):
            draw = np.uint32(bits(keys[i], j) >> np.uint64(32))
            value = images[i, j]
            outcome = np.int64(start[value, draw >> np.uint32(24)])
            while outcome < 255 and chances[value, outcome] <= draw:
                outcome += 1
            result[i, j] = outcome


def impulse_noise(images: np.ndarray, keys: np.ndarray, share: float) -> np.ndarray:
    """Set each value of each channel with probability ``share`` to 0 or 255, both equally likely."""
    result = np.empty_like(images)
    hit = np.uint64(round(share * 2.0**63))
    _salt_and_pepper(images.reshape(len(images), -1), keys, hit, result.reshape(len(images), -1))
    return result


@compiled
def _salt_and_pepper(images, keys, hit, result):
    for i in range(len(images)):
        for j in range(images.shape[1]):
            word = bits(keys[i], j)
            salt = np.uint8(255) if word & np.uint64(1) else np.uint8(0)
            result[i, j] = salt if word >> np.uint64(1) < hit else images[i, j]
