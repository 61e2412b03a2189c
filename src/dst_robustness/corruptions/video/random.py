"""Random numbers for the frames of a clip, and random orders."""

from __future__ import annotations

import numpy as np

from dst_robustness.corruptions.compiled import compiled
from dst_robustness.corruptions.random import bits, uniform

_FRAMES_FROM = 1 << 60  # from here on are counters that no corruption uses


def frame_keys(keys: np.ndarray, frames: int) -> np.ndarray:
    """Return the key of every frame of every clip, uint64 [N * frames], from the keys of the clips uint64 [N]."""
    result = np.empty((len(keys), frames), dtype=np.uint64)
    _fill_frame_keys(keys, result)
    return result.ravel()


@compiled
def _fill_frame_keys(keys, result):
    for i in range(len(keys)):
        for t in range(result.shape[1]):
            result[i, t] = bits(keys[i], _FRAMES_FROM + t)


def uniforms(key: np.uint64, count: int) -> np.ndarray:
    """Return the first ``count`` numbers of a stream, float64 [count] in [0, 1)."""
    result = np.empty(count)
    _fill_uniforms(key, result)
    return result


@compiled
def _fill_uniforms(key, result):
    for i in range(len(result)):
        result[i] = uniform(key, i)


def permutation(key: np.uint64, count: int, first: int = 0) -> np.ndarray:
    """Return a random order of 0..count-1, int64 [count], made with numbers ``first`` and up of a stream."""
    return np.argsort(uniforms(key, first + count)[first:], kind="stable")
