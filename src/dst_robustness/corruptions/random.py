"""Random numbers by counter: number ``counter`` of a stream depends only on the stream's key and the counter.

The key of an image's stream is made of (seed, corruption, severity, index of the image). So the numbers drawn for an
image depend neither on its batch nor on threads, order or machine. The bits are those of SplitMix64 (Steele, Lea &
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Normal numbers come from a ziggurat of 256 layers
(Marsaglia & Tsang, J. Stat. Softw. 5(8), 2000).
"""

from __future__ import annotations

import math

import numpy as np

from dst_robustness.corruptions.compiled import compiled

_WORD = (1 << 64) - 1
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)


@compiled
def _mix(word):
    """Return 64 bits that all depend on all bits of ``word`` (a bijection)."""
    word = (word ^ (word >> np.uint64(30))) * _FACTOR_1
    word = (word ^ (word >> np.uint64(27))) * _FACTOR_2
    return word ^ (word >> np.uint64(31))


@compiled
def _stream_keys(header, first_index, keys):
    word = np.uint64(0)
    for i in range(len(header)):
        word = _mix(word + _STEP ^ header[i])
    for i in range(len(keys)):
        keys[i] = _mix(word + _STEP ^ np.uint64(first_index + i))


def stream_keys(seed: int, name: str, severity: int, first_index: int, count: int) -> np.ndarray:
    """Return the keys of ``count`` images in a row, uint64 [count].

    Raises ValueError if the seed is not in [0, 2**64) or the index is not in [0, 2**62).
    """
    if not 0 <= seed <= _WORD:
        raise ValueError(f"seed {seed} is not in [0, 2**64)")
    if not 0 <= first_index < 1 << 62:
        raise ValueError(f"first_index {first_index} is not in [0, 2**62)")
    header = np.array([seed, severity, *name.encode()], dtype=np.uint64)
    keys = np.empty(count, dtype=np.uint64)
    _stream_keys(header, np.int64(first_index), keys)
    return keys


@compiled
def bits(key, counter):
    """Return number ``counter`` of the stream ``key``: 64 random bits as uint64."""
    return _mix(key + np.uint64(counter) * _STEP)


@compiled
def uniform(key, counter):
    """Return a float64 uniform in [0, 1)."""
    return np.float64(bits(key, counter) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def integer(key, counter, count):
    """Return an integer uniform in 0..count-1, for a count below 2**31; the bias is below count / 2**32."""
    return np.int64(((bits(key, counter) >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


def _ziggurat(layers: int = 256, base: float = 3.6541528853610088) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return edges x, heights exp(-x**2 / 2) and the share of each layer that lies wholly under the curve.

    Layer i is the rectangle [0, x[i]] between the heights i and i + 1. All have equal area. Layer 0 carries the tail;
    its width is that of a rectangle of the same area.
    """

    def height(x: float) -> float:
        return math.exp(-0.5 * x * x)

    area = base * height(base) + math.sqrt(math.pi / 2) * math.erfc(base / math.sqrt(2))
    edges = [area / height(base), base]
    for _ in range(2, layers):
        edges.append(math.sqrt(-2 * math.log(height(edges[-1]) + area / edges[-1])))
    edges.append(0.0)
    x = np.array(edges)
    heights = np.array([height(edge) for edge in edges])
    return x, heights, x[1:] / x[:-1]


_EDGES, _HEIGHTS, _INSIDE = _ziggurat()
# 52 bits choose a place in the layer. One comparison of integers decides nearly all cases.
_WIDTHS = _EDGES[:-1] / 2.0**52
_SURE = (_INSIDE * 2.0**52).astype(np.int64)
_TAIL = _EDGES[1]


@compiled
def normal(key, counter):
    """Return a float64 normally distributed with mean 0 and variance 1."""
    word = bits(key, counter)
    layer = np.int64(word & np.uint64(255))
    place = np.int64(word >> np.uint64(12))
    if place >= _SURE[layer]:
        return _normal_rare(key, counter, word)
    x = place * _WIDTHS[layer]
    return -x if word & np.uint64(256) else x


@compiled
def _normal_rare(key, counter, word):
    """Finish the 1.2% of draws that fall at the edge of a layer. They use counters far from the usual ones."""
    further = np.uint64(counter)
    while True:
        sign = -1.0 if word & np.uint64(256) else 1.0
        layer = np.int64(word & np.uint64(255))
        place = np.int64(word >> np.uint64(12))
        x = place * _WIDTHS[layer]
        if place < _SURE[layer]:
            return sign * x
        further += np.uint64(1 << 40)
        u = uniform(key, further)
        if layer == 0:  # the tail, by Marsaglia's method
            further += np.uint64(1 << 40)
            x = -math.log(1.0 - u) / _TAIL
            if -2.0 * math.log(1.0 - uniform(key, further)) >= x * x:
                return sign * (_TAIL + x)
        elif _HEIGHTS[layer] + u * (_HEIGHTS[layer + 1] - _HEIGHTS[layer]) < math.exp(-0.5 * x * x):
            return sign * x
        further += np.uint64(1 << 40)
        word = bits(key, further)
