"""Grey squares and grey lines over the image.

Every function takes images uint8 [N, H, W, 3], a stream key for each, and its constants; it returns the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.pixels import to_byte
from dst_robustness.corruptions.random import uniform

GREY = 128


def checkerboard_cutout(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Cover squares of a rotated checkerboard with grey; amount 10 covers all squares of one colour.

    The side of a square is 10% to 25% of the image's.
    """
    result = images.copy()
    _cut_out_all(result, keys, 0.1 * amount)
    return result


@compiled
def _cut_out_all(images, keys, share):
    for i in range(len(images)):
        angle = 2 * math.pi * uniform(keys[i], 0)
        side = max(min(images.shape[1:3]) * (0.1 + 0.15 * uniform(keys[i], 1)), 1.0)
        cut_out(images[i], keys[i], angle, side, share)


@compiled
def cut_out(image, key, angle, side, share):
    """Cover each square of one colour of the board with probability ``share``, in place."""
    columns = int(4 * max(image.shape[:2]) / side)  # more than a rotated image can span
    cosine, sine = math.cos(angle), math.sin(angle)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            down, right = (cosine * y + sine * x) / side, (cosine * x - sine * y) / side
            if (math.floor(down) + math.floor(right)) % 2 == 0:
                # Rounded towards zero, as published: the squares on both sides of an axis are covered together.
                square = int(down) % columns * columns + int(right) % columns
                if uniform(key, 2 + square) < share:
                    image[y, x] = GREY


def lines(images: np.ndarray, keys: np.ndarray, amount: float) -> np.ndarray:
    """Draw grey lines around a random direction; amount 10 draws as many as the shorter side has pixels."""
    result = images.copy()
    _draw_lines(result, keys, 0.1 * amount)
    return result


@compiled
def _draw_lines(images, keys, density):
    height, width = images.shape[1:3]
    side = min(height, width)
    for i in range(len(images)):
        direction = 2 * math.pi * uniform(keys[i], 0)
        variation = 2 * math.pi * (0.1 + 0.9 * uniform(keys[i], 1))
        for k in range(int(density * side)):
            middle_y = height * uniform(keys[i], 2 + 3 * k)
            middle_x = width * uniform(keys[i], 3 + 3 * k)
            angle = direction + variation * (uniform(keys[i], 4 + 3 * k) - 0.5)
            down, right = side * math.cos(angle), side * math.sin(angle)
            draw_line(
                images[i], int(middle_y - down), int(middle_x - right), int(middle_y + down), int(middle_x + right)
            )


@compiled
def draw_line(image, y, x, end_y, end_x):
    """Draw a smooth grey line, in place (Zingl, "A Rasterizing Algorithm for Drawing Curves", 2012, section 6)."""
    height, width = abs(end_y - y), abs(end_x - x)
    step_y, step_x = 1 if y < end_y else -1, 1 if x < end_x else -1
    length = math.sqrt(float(height * height + width * width)) if height + width else 1.0
    error = width - height
    while True:
        _shade(image, y, x, abs(error - width + height) / length)
        before, column = error, x
        if 2 * before >= -width:
            if x == end_x:
                break
            if before + height < length:
                _shade(image, y + step_y, x, (before + height) / length)
            error -= height
            x += step_x
        if 2 * before <= height:
            if y == end_y:
                break
            if width - before < length:
                _shade(image, y, column + step_x, (width - before) / length)
            error += width
            y += step_y


@compiled
def _shade(image, y, x, kept):
    """Blend a pixel with grey if it lies inside the image."""
    if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
        for c in range(3):
            image[y, x, c] = to_byte(kept * image[y, x, c] + (1 - kept) * GREY)
