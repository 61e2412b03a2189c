"""Time: frames blended, left out, held, reversed or put in another order.

Every function takes clips uint8 [N, T, H, W, 3], a stream key for each, and its constants; it returns the same shape.
Where the benchmarks shorten a clip, frames are held instead, so that T stays. A network samples the same frames then.
"""

from __future__ import annotations

import numpy as np

from dst_robustness.corruptions.video.random import permutation

LONG_CLIP = 32  # frames; from here on use the constants for Kinetics, below it those for the shorter videos of SSV2


def motion_blur(clips: np.ndarray, keys: np.ndarray, half_long: int, half_short: int) -> np.ndarray:
    """Replace each frame i by the mean of frames i-c to i+c-1.

    At both ends the mean is over the frames that exist. The benchmark drops these frames.
    """
    frames = clips.shape[1]
    half = half_long if frames >= LONG_CLIP else half_short
    result = np.empty_like(clips)
    for clip, out in zip(clips, result, strict=True):
        for i in range(frames):
            window = clip[max(0, i - half) : i + half]
            out[i] = window.sum(axis=0, dtype=np.uint32) // len(window)
    return result


def sampling(clips: np.ndarray, keys: np.ndarray, step: int) -> np.ndarray:
    """Keep every ``step``-th frame and hold it."""
    frames = np.arange(clips.shape[1])
    return clips[:, frames // step * step]


def reverse_sampling(clips: np.ndarray, keys: np.ndarray, step: int) -> np.ndarray:
    """Keep every ``step``-th frame, hold it, and play backwards."""
    return np.ascontiguousarray(sampling(clips, keys, step)[:, ::-1])


def jumble(clips: np.ndarray, keys: np.ndarray, length: int) -> np.ndarray:
    """Shuffle the frames inside segments of ``length`` frames.

    Severity 1 has the longest segments, as published, and so the largest disorder.
    """
    result = np.empty_like(clips)
    for clip, key, out in zip(clips, keys, result, strict=True):
        for start in range(0, len(clip), length):
            segment = clip[start : start + length]
            out[start : start + length] = segment[permutation(key, len(segment), first=start)]
    return result


def box_jumble(clips: np.ndarray, keys: np.ndarray, length: int) -> np.ndarray:
    """Shuffle segments of ``length`` frames; the order inside a segment stays.

    A segment is at most half the clip. With the published lengths, up to 36 of 128 frames, a short clip would be one
    segment and stay as it is.
    """
    frames = np.arange(clips.shape[1])
    length = min(length, max(1, len(frames) // 2))
    segments = np.split(frames, frames[length::length])
    result = np.empty_like(clips)
    for clip, key, out in zip(clips, keys, result, strict=True):
        order = permutation(key, len(segments))
        out[:] = clip[np.concatenate([segments[i] for i in order])]
    return result


def freeze(clips: np.ndarray, keys: np.ndarray, share: float, least: int) -> np.ndarray:
    """Keep a random share of the frames and hold each until the next; the first one kept also fills the start."""
    frames = clips.shape[1]
    kept = min(frames, max(int(share * frames), int(least)))
    result = np.empty_like(clips)
    for clip, key, out in zip(clips, keys, result, strict=True):
        chosen = np.sort(permutation(key, frames)[:kept])
        latest = np.searchsorted(chosen, np.arange(frames), side="right") - 1
        out[:] = clip[chosen[np.maximum(latest, 0)]]
    return result
