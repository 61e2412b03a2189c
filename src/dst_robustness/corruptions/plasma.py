"""Plasma: the cloudy map of the diamond-square algorithm, on a torus."""

from __future__ import annotations

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.random import uniform


@compiled
def fill_plasma(key, decay, cloud):
    """Fill a float32 square whose side is a power of two (Fournier, Fussell & Carpenter, CACM 25(6), 1982).

    As in the code of the benchmark, the wobble is scaled by itself once more, so its amplitude falls by decay squared.
    """
    side = len(cloud)
    cloud[0, 0] = 0
    step, wobble, counter = side, 1.0, 0
    while step >= 2:
        half, amplitude = step // 2, wobble * wobble
        for y in range(half, side, step):
            for x in range(half, side, step):
                right, below = (x + half) % side, (y + half) % side
                total = (
                    cloud[y - half, x - half] + cloud[y - half, right] + cloud[below, x - half] + cloud[below, right]
                )
                cloud[y, x] = total / np.float32(4) + amplitude * (2.0 * uniform(key, counter) - 1.0)
                counter += 1
        for y in range(0, side, half):
            for x in range(half - y % step, side, step):
                above, below = (y - half) % side, (y + half) % side
                left, right = (x - half) % side, (x + half) % side
                total = cloud[above, x] + cloud[below, x] + cloud[y, left] + cloud[y, right]
                cloud[y, x] = total / np.float32(4) + amplitude * (2.0 * uniform(key, counter) - 1.0)
                counter += 1
        step, wobble = half, wobble / decay
