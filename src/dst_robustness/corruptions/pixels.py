"""From numbers to bytes: the benchmark cuts fractions off instead of rounding."""

from __future__ import annotations

import numpy as np

from dst_robustness.corruptions.compiled import compiled

# A whole number of exact arithmetic must not become the one below because of a rounding error in float32.
_TOLERANCE = np.float32(1e-3)


@compiled
def to_byte(value):
    """Return a number of grey levels as uint8: the fraction is cut off, and the range is 0 to 255."""
    return np.uint8(min(max(np.float32(value) + _TOLERANCE, np.float32(0)), np.float32(255)))


@compiled
def clamp(index, count):
    """Return the nearest index in 0..count-1, so that the edge is repeated."""
    return min(max(index, 0), count - 1)


@compiled
def mirror_edge(index, count):
    """Return the index reflected so that the edge comes twice: c b a | a b c | c b a."""
    if 0 <= index < count:  # nearly always true, and a division is slow
        return index
    index = index % (2 * count)
    return index if index < count else 2 * count - 1 - index


@compiled
def mirror(index, count):
    """Return the index reflected at the middle of the edge pixel, so that the edge comes once: c b | a b c | b a."""
    if 0 <= index < count:
        return index
    if count == 1:
        return 0
    index = index % (2 * count - 2)
    return index if index < count else 2 * count - 2 - index
