"""JPEG and back with two families of codecs: libjpeg 9 (IJG) of the benchmark's time, and today's libjpeg-turbo.

Both store the colours at half the resolution (4:2:0), with the standard tables. libjpeg-turbo averages and interpolates
pixels for that. libjpeg 9 transforms blocks of 16 x 16, keeps the lower quarter of the frequencies, and fills up with
zeros on the way back. About half of all values differ between the two.

This module follows libjpeg 9 to the last bit. It leaves out the entropy coding, which changes no pixel. Compared with
Pillow 5.0.0 (libjpeg 9.2) on photographs and noise of 32, 64 and 224 pixels at ten qualities, 41 of 39 million values
differ, each by one.
"""

from __future__ import annotations

import cv2
import numpy as np

from dst_robustness.corruptions.compiled import compiled

# ITU-T T.81, tables K.1 and K.2: the steps of quality 50 for brightness and for colour.
BRIGHTNESS_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
COLOUR_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8,) * 4,
)  # fmt: skip
# Cosines of the frequencies 0-7 (rows) over the first half of a block of 8 or 16 pixels, in units of 2**-13: the second
# half mirrors it, with the opposite sign in odd rows. The fast algorithm of libjpeg (Loeffler et al., 1989) rounds each
# sum and difference of cosines. These are its results, which is why some entries are off by one.
COSINES_8 = (
    (8192, 8192, 8192, 8192), (11363, 9633, 6437, 2260), (10703, 4433, -4433, -10703), (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192), (6437, -11362, 2261, 9633), (4433, -10704, 10704, -4433), (2260, -6436, 9633, -11363),
)  # fmt: skip
COSINES_16_FORWARD = (
    (8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192), (11529, 11086, 10217, 8956, 7350, 5461, 3363, 1135),
    (11363, 9633, 6436, 2260, -2260, -6436, -9633, -11363), (11086, 7350, 1136, -5461, -10217, -11529, -8956, -3363),
    (10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703), (10217, 1136, -8955, -11086, -3363, 7350, 11529, 5461),
    (9633, -2260, -11363, -6437, 6437, 11363, 2260, -9633), (8956, -5461, -11086, 1137, 11530, 3363, -10217, -7350),
)  # fmt: skip
COSINES_16_INVERSE = (
    (8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192), (11529, 11086, 10217, 8956, 7350, 5461, 3363, 1136),
    (11363, 9633, 6437, 2260, -2260, -6437, -9633, -11363), (11086, 7350, 1136, -5461, -10217, -11529, -8955, -3363),
    (10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703), (10217, 1136, -8955, -11086, -3363, 7349, 11529, 5461),
    (9632, -2260, -11363, -6436, 6436, 11363, 2260, -9632), (8956, -5461, -11086, 1137, 11529, 3363, -10217, -7350),
)  # fmt: skip
# Between its two passes libjpeg rounds to quarters.
FRACTION = 4
ZERO, HALF = np.float32(0), np.float32(0.5)
# Weights of the colours (ITU-T T.871) in units of 2**-16, there and back. All whole numbers below are exact in float32.
UNIT, HALF_UNIT, ALMOST_HALF, MIDDLE = np.float32(2**-16), np.float32(2**15), np.float32(2**15 - 1), np.float32(128)
LIGHT = tuple(map(np.float32, (19595, 38470, 7471)))
BLUE = tuple(map(np.float32, (-11059, -21709, 32768)))
RED = tuple(map(np.float32, (32768, -27439, -5329)))
TO_RED, TO_GREEN, TO_BLUE = np.float32(91881), (np.float32(-22553), np.float32(-46802)), np.float32(116130)


def jpeg_compression(images: np.ndarray, keys: np.ndarray, quality: int) -> np.ndarray:
    """Encode and decode as libjpeg 9 does. It is the codec in Pillow 5.0, the version that the benchmark names."""
    channels = [channel.reshape(images.shape[:3]) for channel in cv2.split(images.reshape(-1, *images.shape[2:]))]
    brightness = _steps(BRIGHTNESS_STEPS, quality), _cosines(COSINES_8), _cosines(COSINES_8)
    colour = _steps(COLOUR_STEPS, quality), _cosines(COSINES_16_FORWARD), _cosines(COSINES_16_INVERSE)
    _compress_all(*channels, brightness, colour)
    return cv2.merge([channel.reshape(-1, images.shape[2]) for channel in channels]).reshape(images.shape)


def jpeg_compression_turbo(images: np.ndarray, keys: np.ndarray, quality: int) -> np.ndarray:
    """Encode and decode as libjpeg-turbo does, the codec of today's libraries."""
    result = np.empty_like(images)
    for image, out in zip(images, result, strict=True):
        reversed_channels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".jpg", reversed_channels, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
        out[:] = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    return result


def _steps(table: tuple[tuple[int, ...], ...], quality: int) -> np.ndarray:
    """Return the quantisation steps of a quality, float32 [8, 8]."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((np.array(table) * percent + 50) // 100, 1, 255).astype(np.float32)


def _cosines(table: tuple[tuple[int, ...], ...]) -> np.ndarray:
    return np.array(table, np.float32) / 8192


@compiled
def _compress_all(red, green, blue, brightness_tables, colour_tables):
    height, width = red.shape[1:]
    planes = np.empty((3, (height + 15) // 16 * 16, (width + 15) // 16 * 16), np.float32)
    for i in range(len(red)):
        _to_planes(red[i], green[i], blue[i], planes)
        _compress(planes[0], *brightness_tables)
        _compress(planes[1], *colour_tables)
        _compress(planes[2], *colour_tables)
        _from_planes(planes, red[i], green[i], blue[i])


@compiled
def _compress(plane, steps, forward, inverse):
    """Transform, quantise and transform back a plane whose sides are multiples of 16, in place.

    The order is x, y, and back again, as in libjpeg, since each pass rounds. A pass works on all columns of a plane at
    once, so the plane is transposed in between.
    """
    size = 2 * forward.shape[1]
    height, width = plane.shape[0] * 8 // size, plane.shape[1] * 8 // size
    turned = np.empty((plane.shape[1], plane.shape[0]), np.float32)
    narrow_turned = np.empty((width, plane.shape[0]), np.float32)
    narrow = np.empty((plane.shape[0], width), np.float32)
    frequencies = np.empty((height, width), np.float32)
    _turn(plane, turned)
    _forward(turned, forward, np.float32(FRACTION), narrow_turned)
    _turn(narrow_turned, narrow)
    # These are 8 times the frequencies of the standard, whose blocks have 8 x 8 pixels.
    _forward(narrow, forward, np.float32(64 / (FRACTION * size * size)), frequencies)
    _quantise(frequencies, steps)
    _inverse(frequencies, inverse, np.float32(FRACTION), narrow)
    _turn(narrow, narrow_turned)
    _inverse(narrow_turned, inverse, np.float32(1 / (8 * FRACTION)), turned)
    _turn(turned, plane)


@compiled
def _forward(blocks, cosines, scale, frequencies):
    """Transform each block of rows into eight rows of frequencies; opposite rows share their cosines."""
    half, width = cosines.shape[1], blocks.shape[1]
    both = np.empty((2, half, width), np.float32)
    for block in range(len(blocks) // (2 * half)):
        for k in range(half):
            first, last = blocks[2 * half * block + k], blocks[2 * half * (block + 1) - 1 - k]
            for x in range(width):
                both[0, k, x] = first[x] + last[x]
                both[1, k, x] = first[x] - last[x]
        for u in range(8):
            out, rows = frequencies[block * 8 + u], both[u % 2]
            _weigh_four(rows, 0, 1, cosines[u, :4] * scale, out)
            if half == 8:
                more = np.empty(width, np.float32)
                _weigh_four(rows, 4, 1, cosines[u, 4:] * scale, more)
                for x in range(width):
                    out[x] += more[x]
            for x in range(width):
                out[x] = np.floor(out[x] + HALF)


@compiled
def _inverse(frequencies, cosines, scale, blocks):
    """Transform every eight rows of frequencies back into a block of rows."""
    half, width = cosines.shape[1], blocks.shape[1]
    even, odd = np.empty(width, np.float32), np.empty(width, np.float32)
    for block in range(len(blocks) // (2 * half)):
        for k in range(half):
            _weigh_four(frequencies, block * 8, 2, cosines[0::2, k] * scale, even)
            _weigh_four(frequencies, block * 8 + 1, 2, cosines[1::2, k] * scale, odd)
            first, last = blocks[2 * half * block + k], blocks[2 * half * (block + 1) - 1 - k]
            for x in range(width):
                first[x] = np.floor(even[x] + odd[x] + HALF)
                last[x] = np.floor(even[x] - odd[x] + HALF)


@compiled
def _weigh_four(rows, start, step, weights, total):
    """Sum four rows with their weights."""
    a, b, c, d = rows[start], rows[start + step], rows[start + 2 * step], rows[start + 3 * step]
    weight_a, weight_b, weight_c, weight_d = weights[0], weights[1], weights[2], weights[3]
    for x in range(len(total)):
        total[x] = weight_a * a[x] + weight_b * b[x] + weight_c * c[x] + weight_d * d[x]


@compiled
def _turn(plane, turned):
    for y in range(len(turned)):
        for x in range(len(plane)):
            turned[y, x] = plane[x, y]


@compiled
def _quantise(frequencies, steps):
    """Divide the frequencies by 8 and round to multiples of the steps, halves away from zero."""
    step = np.empty(frequencies.shape[1], np.float32)
    for y in range(len(frequencies)):
        row = frequencies[y]
        for x in range(len(row)):
            step[x] = steps[y & 7, x & 7]
        for x in range(len(row)):
            # The added quarter keeps an exact half from being rounded below a half by the division.
            count = np.floor((abs(row[x]) + np.float32(4) * step[x] + np.float32(0.25)) / (np.float32(8) * step[x]))
            row[x] = np.copysign(count * step[x], row[x])


@compiled
def _to_planes(red, green, blue, planes):
    """Write brightness, blue difference and red difference, [3, y, x] around 0; beyond the edges, repeat them."""
    height, width = red.shape
    for y in range(height):
        _weigh_colours(red[y], green[y], blue[y], LIGHT, HALF_UNIT, MIDDLE, planes[0, y])
        _weigh_colours(red[y], green[y], blue[y], BLUE, ALMOST_HALF, ZERO, planes[1, y])
        _weigh_colours(red[y], green[y], blue[y], RED, ALMOST_HALF, ZERO, planes[2, y])
    for plane in planes:
        for y in range(height):
            plane[y, width:] = plane[y, width - 1]
        for y in range(height, len(plane)):
            for x in range(plane.shape[1]):
                plane[y, x] = plane[height - 1, x]


@compiled
def _weigh_colours(red, green, blue, weights, rounding, offset, out):
    for x in range(len(red)):
        r, g, b = np.float32(red[x]), np.float32(green[x]), np.float32(blue[x])
        out[x] = np.floor((weights[0] * r + weights[1] * g + weights[2] * b + rounding) * UNIT) - offset


@compiled
def _from_planes(planes, red, green, blue):
    for y in range(len(red)):
        light, blue_difference, red_difference = planes[0, y], planes[1, y], planes[2, y]
        for x in range(red.shape[1]):
            grey = _clamp(light[x] + MIDDLE)
            b, r = _clamp(blue_difference[x] + MIDDLE) - MIDDLE, _clamp(red_difference[x] + MIDDLE) - MIDDLE
            red[y, x] = np.uint8(_clamp(grey + np.floor((TO_RED * r + HALF_UNIT) * UNIT)))
            green[y, x] = np.uint8(_clamp(grey + np.floor((TO_GREEN[0] * b + TO_GREEN[1] * r + HALF_UNIT) * UNIT)))
            blue[y, x] = np.uint8(_clamp(grey + np.floor((TO_BLUE * b + HALF_UNIT) * UNIT)))


@compiled
def _clamp(value):
    return min(max(value, np.float32(0)), np.float32(255))
