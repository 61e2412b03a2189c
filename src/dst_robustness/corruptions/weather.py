"""Weather: snow, frost, fog, brightness.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import numpy as np

from dst_robustness.corruptions.blur import zoom_taps
from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.filters import motion_weights, smear
from dst_robustness.corruptions.frost import FrostPictures
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.plasma import fill_plasma
from dst_robustness.corruptions.random import integer, normal, uniform


def snow(
    images: np.ndarray,
    keys: np.ndarray,
    mean: float,
    deviation: float,
    zoom: float,
    threshold: float,
    radius: float,
    sigma: float,
    keep: float,
) -> np.ndarray:
    """Whiten the image, add zoomed flakes that fall slantwise, and add the same flakes turned by 180 degrees."""
    height, width = images.shape[1:3]
    result = np.empty_like(images)
    taps = (*zoom_taps(height, zoom), *zoom_taps(width, zoom))
    flakes = (255.0 * mean, 255.0 * deviation, 255.0 * threshold)
    _snow_all(images, keys, flakes, taps, motion_weights(radius, sigma), np.float32(keep), result)
    return result


@compiled
def _snow_all(images, keys, flakes, taps, weights, keep, result):
    height, width = images.shape[1:3]
    for i in range(len(images)):
        degrees = 90.0 * uniform(keys[i], 0) - 135.0
        layer = smear(_flakes(keys[i], height, width, flakes, taps), weights, degrees, 1)
        for y in range(height):
            for x in range(width):
                layer[y, x] = to_byte(layer[y, x])
        for y in range(height):
            for x in range(width):
                red, green, blue = images[i, y, x]
                grey = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
                white = np.float32(1.5) * grey + np.float32(127.5)
                fallen = layer[y, x] + layer[height - 1 - y, width - 1 - x]
                for c in range(3):
                    value = np.float32(images[i, y, x, c])
                    value = keep * value + (np.float32(1) - keep) * max(value, white)
                    result[i, y, x, c] = to_byte(value + fallen)


@compiled
def _flakes(key, height, width, flakes, taps):
    """Return zoomed normal noise, zero below the threshold, in whole grey levels; float32 [height, width]."""
    mean, deviation, threshold = flakes
    lower_rows, row_weights, lower_columns, column_weights = taps
    noise = np.empty((height, width), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            noise[y, x] = mean + deviation * normal(key, 1 + y * width + x)
    layer = np.empty((height, width), dtype=np.float32)
    row = np.empty(width, dtype=np.float32)
    for y in range(height):
        above, t = lower_rows[y], row_weights[y]
        below = min(above + 1, height - 1)
        for x in range(width):
            row[x] = noise[above, x] + t * (noise[below, x] - noise[above, x])
        for x in range(width):
            left, t = lower_columns[x], column_weights[x]
            value = row[left] + t * (row[min(left + 1, width - 1)] - row[left])
            layer[y, x] = to_byte(value) if value >= threshold else 0
    return layer


def frost(
    images: np.ndarray,
    keys: np.ndarray,
    image_weight: float,
    frost_weight: float,
    scale: float,
    pictures: FrostPictures,
) -> np.ndarray:
    """Lay a random crop of one of five frost images, all equally likely, over each image."""
    result = np.empty_like(images)
    height, width = images.shape[1:3]
    scaled = pictures.scaled(scale, height, width)
    for i, key in enumerate(keys):
        picture = scaled[integer(key, 0, len(scaled))]
        top = integer(key, 1, picture.shape[0] - height)
        left = integer(key, 2, picture.shape[1] - width)
        crop = picture[top : top + height, left : left + width]
        _overlay(images[i], crop, np.float32(image_weight), np.float32(frost_weight), result[i])
    return result


@compiled
def _overlay(image, layer, image_weight, layer_weight, result):
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for c in range(3):
                result[y, x, c] = to_byte(image_weight * image[y, x, c] + layer_weight * layer[y, x, c])


def fog(images: np.ndarray, keys: np.ndarray, strength: float, decay: float, side: int) -> np.ndarray:
    """Add a cloudy map, then scale back so that the brightest value stays as it was.

    An image larger than the map of its family gets a map whose side is the next power of two.
    """
    result = np.empty_like(images)
    while side < max(images.shape[1:3]):
        side *= 2
    _fog_all(images, keys, np.float32(255.0 * strength), decay, side, result)
    return result


@compiled
def _fog_all(images, keys, strength, decay, side, result):
    height, width = images.shape[1:3]
    cloud = np.empty((side, side), dtype=np.float32)
    for i in range(len(images)):
        fill_plasma(keys[i], decay, cloud)
        lowest, highest = cloud.min(), cloud.max()
        brightest = np.float32(images[i].max())
        scale = brightest / (brightest + strength)
        density = strength / (highest - lowest)
        for y in range(height):
            for x in range(width):
                mist = density * (cloud[y, x] - lowest)
                for c in range(3):
                    result[i, y, x, c] = to_byte((images[i, y, x, c] + mist) * scale)


def brightness(images: np.ndarray, keys: np.ndarray, added: float) -> np.ndarray:
    """Add to the value of HSV: the three channels of a pixel are scaled alike, and black becomes grey."""
    result = np.empty_like(images)
    _brighten(images.reshape(-1, 3), np.float32(255.0 * added), result.reshape(-1, 3))
    return result


@compiled
def _brighten(pixels, added, result):
    for i in range(len(pixels)):
        value = np.float32(max(pixels[i, 0], pixels[i, 1], pixels[i, 2]))
        brighter = min(value + added, np.float32(255))
        for c in range(3):
            result[i, c] = to_byte(pixels[i, c] * (brighter / value) if value > 0 else brighter)
