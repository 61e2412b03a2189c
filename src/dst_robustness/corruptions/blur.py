"""Blur: defocus, frosted glass, motion, zoom, Gaussian.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.filters import NEAREST, blur, gaussian_weights, motion_weights, smear
from dst_robustness.corruptions.pixels import mirror, to_byte
from dst_robustness.corruptions.random import bits, uniform


def gaussian_blur(images: np.ndarray, keys: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian that is cut off at 4 sigma; edges are repeated."""
    result = np.empty_like(images)
    _blur_all(_rows(images), gaussian_weights(sigma).astype(np.float32), _rows(result))
    return result


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(*images.shape[:2], -1)


@compiled
def _blur_all(images, weights, result):
    for i in range(len(images)):
        image = images[i].astype(np.float32)
        blur(image, weights, 3, NEAREST)
        _store(image, result[i])


@compiled
def _store(image, result):
    for y in range(image.shape[0]):
        for j in range(image.shape[1]):
            result[y, j] = to_byte(image[y, j])


def glass_blur(images: np.ndarray, keys: np.ndarray, sigma: float, reach: int, rounds: int) -> np.ndarray:
    """Blur, let every pixel copy one at most ``reach`` away, in place, ``rounds`` times, and blur again.

    The published code means to swap the two pixels, but its swap of two views into one array only copies. It also cuts
    fractions off without tolerance, so that for some sigmas a flat area loses one grey level to rounding. That is why
    this runs in float64.
    """
    result = np.empty_like(images)
    _shatter(_rows(images), keys, gaussian_weights(sigma), reach, rounds, _rows(result))
    return result


@compiled
def _shatter(images, keys, weights, reach, rounds, result):
    for i in range(len(images)):
        pixels = result[i]
        _blur_and_truncate(images[i], weights, pixels)
        _copy_neighbours(keys[i], reach, rounds, pixels)
        _blur_and_truncate(pixels, weights, pixels)


@compiled
def _blur_and_truncate(pixels, weights, result):
    image = pixels / 255.0
    blur(image, weights, 3, NEAREST)
    for y in range(image.shape[0]):
        for j in range(image.shape[1]):
            result[y, j] = np.uint8(min(image[y, j], 1.0) * 255.0)


@compiled
def _copy_neighbours(key, reach, rounds, pixels):
    height, width = pixels.shape[0], pixels.shape[1] // 3
    counter, span, low_half = 0, np.uint64(2 * reach), np.uint64(0xFFFFFFFF)
    for _ in range(rounds):
        for y in range(height - reach, reach, -1):
            for x in range(width - reach, reach, -1):
                word = bits(key, counter)
                counter += 1
                across = np.int64(((word & low_half) * span) >> np.uint64(32)) - reach
                down = np.int64(((word >> np.uint64(32)) * span) >> np.uint64(32)) - reach
                for c in range(3):
                    pixels[y, 3 * x + c] = pixels[y + down, 3 * (x + across) + c]


def defocus_blur(images: np.ndarray, keys: np.ndarray, radius: float, smoothing: float) -> np.ndarray:
    """Convolve with a disc whose edge is smoothed; borders are mirrored at the edge pixel."""
    result = np.empty_like(images)
    _convolve(_rows(images), _edges(disc_kernel(radius, smoothing)), _rows(result))
    return result


def disc_kernel(radius: float, smoothing: float) -> np.ndarray:
    """Return the disc that the benchmark calls defocus, float32 [side, side], symmetric along both axes.

    A disc of radius 8 or 10 touches the border of its grid. The smoothing mirrors it there, and it sums to 1.01.
    """
    reach, near = (8, 1) if radius <= 8 else (int(radius), 2)
    axis = np.arange(-reach, reach + 1)
    disc = axis[:, None] ** 2 + axis[None] ** 2 <= radius**2
    weights = [math.exp(-0.5 * (i / smoothing) ** 2) for i in range(-near, near + 1)]
    kernel = disc / disc.sum()
    for _ in range(2):  # one axis, then the other
        padded = np.pad(kernel, ((near, near), (0, 0)), mode="reflect")
        shifted = [weight * padded[i : i + len(kernel)] for i, weight in enumerate(weights)]
        kernel = (np.sum(shifted, axis=0) / sum(weights)).T
    kernel = kernel.astype(np.float32)
    used = int(np.abs(axis[kernel.any(axis=0)]).max())
    return kernel[reach - used : reach + used + 1, reach - used : reach + used + 1]


def _edges(kernel: np.ndarray) -> np.ndarray:
    """Return how the right half of the kernel's rows falls off: entry [dy, j] = kernel[dy, j] - kernel[dy, j + 1].

    Let S be the running sum of an image row. The convolution with a symmetric kernel row is the sum over j of its entry
    times S(x + j + 1) - S(x - j). A disc is flat except at its edge, so few entries are not zero.
    """
    reach = len(kernel) // 2
    quarter = np.pad(kernel[reach:, reach:], ((0, 0), (0, 1))).astype(np.float64)
    falls = quarter[:, :-1] - quarter[:, 1:]
    return np.where(np.abs(falls) > 1e-7 * kernel.max(), falls, 0).astype(np.float32)


@compiled
def _convolve(images, edges, result):
    height, length = images.shape[1:]
    reach = len(edges) - 1
    sums = np.zeros((height, length + 3 * (2 * reach + 1)), dtype=np.float32)
    for i in range(len(images)):
        for y in range(height):
            _running_sum(images[i, y], reach, sums[y])
        for y in range(height):
            total = np.zeros(length, dtype=np.float32)
            for dy in range(reach + 1):
                both = sums[y] if dy == 0 else sums[mirror(y - dy, height)] + sums[mirror(y + dy, height)]
                for j in range(reach + 1):
                    if edges[dy, j] != 0:
                        right, left = 3 * (reach + j + 1), 3 * (reach - j)
                        _add_difference(total, both[right : right + length], both[left : left + length], edges[dy, j])
            for j in range(length):
                result[i, y, j] = to_byte(total[j])


@compiled
def _running_sum(row, reach, sums):
    """Write the running sums of a row mirrored by ``reach`` pixels at both ends, per channel, starting with zero."""
    width = len(row) // 3
    for x in range(width + 2 * reach):
        source = mirror(x - reach, width)
        for c in range(3):
            sums[3 * (x + 1) + c] = sums[3 * x + c] + row[3 * source + c]


@compiled
def _add_difference(total, first, second, weight):
    for j in range(len(total)):
        total[j] += weight * (first[j] - second[j])


def motion_blur(images: np.ndarray, keys: np.ndarray, radius: float, sigma: float) -> np.ndarray:
    """Smear along a direction at most 45 degrees from the horizontal, as ImageMagick does."""
    result = np.empty_like(images)
    _smear_all(_rows(images), keys, motion_weights(radius, sigma), _rows(result))
    return result


@compiled
def _smear_all(images, keys, weights, result):
    for i in range(len(images)):
        degrees = 90.0 * uniform(keys[i], 0) - 45.0
        _store(smear(images[i].astype(np.float32), weights, degrees, 3), result[i])


def zoom_blur(images: np.ndarray, keys: np.ndarray, stop: float, step: float) -> np.ndarray:
    """Average the image with copies zoomed by factors 1 to ``stop``; so the image itself counts twice."""
    factors = np.arange(1, stop, step)
    height, width = images.shape[1:3]
    result = np.empty_like(images)
    rows, row_weights = (np.stack(part) for part in zip(*(zoom_taps(height, z) for z in factors), strict=True))
    columns, column_weights = (np.stack(part) for part in zip(*(zoom_taps(width, z) for z in factors), strict=True))
    # One entry per value instead of one per pixel, so that the innermost loop is a plain one.
    columns = (3 * columns[..., None] + np.arange(3)).reshape(len(factors), -1)
    _zoom_all(_rows(images), rows, row_weights, columns, column_weights.repeat(3, axis=1), _rows(result))
    return result


def zoom_taps(length: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where each pixel of a zoomed axis comes from: the lower neighbour, int64 [length], and the upper's weight.

    The middle 1 / factor is stretched corner to corner (scipy.ndimage.zoom, order 1), then cut to the middle again.
    """
    crop = math.ceil(length / factor)
    zoomed = max(round(crop * factor), length)
    scale = (crop - 1) / (zoomed - 1) if zoomed > 1 else 0.0
    place = (np.arange(length) + (zoomed - length) // 2) * scale
    lower = np.clip(np.floor(place).astype(np.int64), 0, max(crop - 2, 0))
    return (length - crop) // 2 + lower, (place - lower).astype(np.float32)


@compiled
def _zoom_all(images, rows, row_weights, columns, column_weights, result):
    height, length = images.shape[1:]
    stretched = np.zeros(length + 3, dtype=np.float32)  # the right neighbour of the last pixel has no weight
    for i in range(len(images)):
        image = images[i].astype(np.float32)
        for y in range(height):
            total = image[y].copy()
            for k in range(len(rows)):
                upper = rows[k, y]
                _mix_rows(stretched, image[upper], image[min(upper + 1, height - 1)], row_weights[k, y])
                _add_stretched(total, stretched, columns[k], column_weights[k])
            for j in range(length):
                result[i, y, j] = to_byte(total[j] / np.float32(len(rows) + 1))


@compiled
def _mix_rows(result, first, second, t):
    for j in range(len(first)):
        result[j] = first[j] + t * (second[j] - first[j])


@compiled
def _add_stretched(total, row, left, t):
    for j in range(len(total)):
        total[j] += row[left[j]] + t[j] * (row[left[j] + 3] - row[left[j]])
