"""A camera that is tilted, that shakes, or that points beside the scene.

Every function takes clips uint8 [N, T, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import clamp
from dst_robustness.corruptions.random import integer


def static_rotate(clips: np.ndarray, keys: np.ndarray, degrees: float) -> np.ndarray:
    """Turn every frame anticlockwise by the same angle; new corners are black."""
    result = np.zeros_like(clips)
    for clip, out in zip(clips, result, strict=True):
        for t in range(len(clip)):
            _turn(clip[t], float(degrees), out[t])
    return result


def rotate(clips: np.ndarray, keys: np.ndarray, largest: int) -> np.ndarray:
    """Turn each frame by its own whole number of degrees, at most ``largest`` to either side."""
    result = np.zeros_like(clips)
    for clip, key, out in zip(clips, keys, result, strict=True):
        for t in range(len(clip)):
            _turn(clip[t], float(integer(key, t, 2 * int(largest) + 1) - largest), out[t])
    return result


@compiled
def _turn(image, degrees, result):
    """Turn about the centre. Each pixel is copied from the one it falls into, as Pillow does by default."""
    height, width = image.shape[:2]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for y in range(height):
        for x in range(width):
            right, down = x + 0.5 - width / 2, y + 0.5 - height / 2
            source_x = math.floor(cosine * right - sine * down + width / 2)
            source_y = math.floor(sine * right + cosine * down + height / 2)
            if 0 <= source_x < width and 0 <= source_y < height:
                result[y, x] = image[source_y, source_x]


def translate(clips: np.ndarray, keys: np.ndarray, places: int) -> np.ndarray:
    """Crop every frame of a clip at a random place instead of the centre, with edges repeated.

    The published code crops 224 of 256 pixels, and its central crop starts 16 pixels from the corner. So a frame moves
    by (start - 16) / 224 of its side, and the start is uniform over ``places`` pixels along each axis.
    """
    height, width = clips.shape[2:4]
    result = np.empty_like(clips)
    for clip, key, out in zip(clips, keys, result, strict=True):
        down = round((integer(key, 0, int(places)) - 16) * height / 224)
        right = round((integer(key, 1, int(places)) - 16) * width / 224)
        _move(clip, down, right, out)
    return result


@compiled
def _move(clip, down, right, result):
    frames, height, width = clip.shape[:3]
    for t in range(frames):
        for y in range(height):
            for x in range(width):
                result[t, y, x] = clip[t, clamp(y + down, height), clamp(x + right, width)]
