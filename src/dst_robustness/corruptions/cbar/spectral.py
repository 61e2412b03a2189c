"""Noise made in the frequency plane: blue (rising with frequency) and brownish (falling with its square).

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import uniform


def blue_noise_sample(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Blacken pixels where blue noise of unit variance lies below a limit: -2.5 at amount 0, up to 0.5 at amount 10."""
    result = images.copy()
    amplitude = frequency(*images.shape[1:3])
    for image, key in zip(result, keys, strict=True):
        image[coloured_noise(amplitude, key, 0) <= 0.3 * amount - 2.5] = 0
    return result


def brownish_noise(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Add brownish noise to each channel; at amount 10 its standard deviation is 64 grey levels, its mean random."""
    result = np.empty_like(images)
    amplitude = 1 / (frequency(*images.shape[1:3]) ** 2 + 1)
    for i, key in enumerate(keys):
        for channel in range(3):
            noise = coloured_noise(amplitude, key, channel * amplitude.size)
            _add(images[i, :, :, channel], 6.4 * amount, noise, result[i, :, :, channel])
    return result


@compiled
def _add(image, strength, noise, result):
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            result[y, x] = to_byte(image[y, x] + strength * noise[y, x])


def frequency(height: int, width: int) -> np.ndarray:
    """Return each frequency's distance from zero, which is in the middle; float64 [H, W], cycles per shorter side."""
    side = min(height, width)
    y = (np.arange(height) - height // 2) * (side / height)
    x = (np.arange(width) - width // 2) * (side / width)
    return np.sqrt(y[:, None] ** 2 + x**2)


def coloured_noise(amplitude: np.ndarray, key: np.uint64, first: int) -> np.ndarray:
    """Return noise of unit variance about its mean, with these amplitudes and random phases; float64 [H, W].

    It is the real part of the transform. As in the published code, a frequency shares its phase with the point opposite
    the middle of the plane. That point is one place beside its true mirror frequency.
    """
    spectrum = np.empty(amplitude.shape, dtype=np.complex128)
    _random_phases(amplitude.reshape(-1), key, first, spectrum.reshape(-1))
    noise = np.fft.ifft2(np.fft.ifftshift(spectrum)).real
    deviation = noise.std()
    return noise / deviation if deviation > 0 else np.zeros_like(noise)  # a single pixel has no deviation


@compiled
def _random_phases(amplitude, key, first, spectrum):
    count = len(amplitude)
    spectrum[count // 2] = amplitude[count // 2]
    for i in range(count // 2):
        phase = 2 * math.pi * uniform(key, first + i)
        turn = complex(math.cos(phase), math.sin(phase))
        spectrum[i] = amplitude[i] * turn
        spectrum[count - 1 - i] = amplitude[count - 1 - i] * turn
