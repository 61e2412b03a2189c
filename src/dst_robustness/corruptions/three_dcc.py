"""The corruptions of ImageNet-3DCC that need no depth: colour quantisation, sensor noise, low light.

They follow Kar et al., "3D Common Corruptions and Data Augmentation" (CVPR 2022, https://arxiv.org/abs/2203.01441).
Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import normal, uniform

ISO_PHOTONS = 25
LOW_LIGHT_PHOTONS, LOW_LIGHT_SIGMA = 120, 0.018


def color_quant(images: np.ndarray, keys: np.ndarray, bits: int) -> np.ndarray:
    """Keep the upper bits of each value."""
    return images & np.uint8(256 - (1 << (8 - bits)))


def iso_noise(images: np.ndarray, keys: np.ndarray, sigma: float) -> np.ndarray:
    """Count photons, 25 at full brightness, then add normal noise of standard deviation ``sigma``."""
    result = np.empty_like(images)
    means = np.arange(256) / 255
    for image, key, noisy in zip(images, keys, result, strict=True):
        _sensor_noise(image.reshape(-1), key, means, ISO_PHOTONS, sigma, noisy.reshape(-1))
    return result


def low_light(images: np.ndarray, keys: np.ndarray, brightest: float) -> np.ndarray:
    """Stretch the image's range to [0, 1], square, scale to ``brightest``, then add the noise of a sensor.

    A flat image has no range, and the published code has no result for it. Here it turns black.
    """
    result = np.empty_like(images)
    for image, key, noisy in zip(images, keys, result, strict=True):
        darkest, span = int(image.min()), max(int(image.max()) - int(image.min()), 1)
        means = brightest * ((np.arange(256) - darkest) / span) ** 2
        _sensor_noise(image.reshape(-1), key, means, LOW_LIGHT_PHOTONS, LOW_LIGHT_SIGMA, noisy.reshape(-1))
    return result


@compiled
def _sensor_noise(values, key, means, photons, sigma, result):
    """Write for each value a Poisson count around its mean, at most full brightness, with normal noise added."""
    for j in range(len(values)):
        seen = poisson(uniform(key, j), photons * means[values[j]], photons) / photons
        result[j] = to_byte(255 * (seen + sigma * normal(key, len(values) + j)))


@compiled
def poisson(share, mean, most):
    """Return the quantile of a Poisson variable at ``share``, or ``most`` if it is higher.

    The mean must be at most 700. Above that, the chance of 0 is too small for a float.
    """
    chance = math.exp(-mean)
    below, count = chance, 0
    while below <= share and count < most:
        count += 1
        chance *= mean / count
        below += chance
    return count
