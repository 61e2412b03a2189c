"""The coded stream: lower bit rate, fewer frames, lost packets, flipped bytes. Clips are really encoded and decoded.

Every function takes clips uint8 [N, T, H, W, 3], a stream key for each, and its constants; it returns the same shape.
The source of a damaged or rate-limited stream is the clip in H.264 at x264's default quality (CRF 23).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dst_robustness.corruptions.video.codec import (
    FRAMES_PER_SECOND,
    Stream,
    decode,
    encode,
    join_units,
    split_units,
)
from dst_robustness.corruptions.video.random import uniforms
from dst_robustness.corruptions.video.temporal import LONG_CLIP

PACKET_BYTES = 1400  # payload of a video packet in an Ethernet frame
# The published constants were chosen for videos whose frames take about this much (600 kbit/s at 25 frames a second).
# A smaller stream is damaged at as many places per frame. If only bytes counted, small clips would hardly be damaged.
REFERENCE_FRAME_BYTES = 3000
LEAST_BIT_RATE = 1000  # the lowest that the encoders accept, bits per second


def h264_crf(clips: np.ndarray, keys: np.ndarray, factor: int) -> np.ndarray:
    """Encode as H.264 at a constant rate factor."""
    return _each(clips, lambda clip: decode(encode(clip, "libx264", {"crf": str(factor)})))


def h265_crf(clips: np.ndarray, keys: np.ndarray, factor: int) -> np.ndarray:
    """Encode as H.265 at a constant rate factor."""
    return _each(clips, lambda clip: decode(encode(clip, "libx265", {"crf": str(factor)})))


def h264_abr(clips: np.ndarray, keys: np.ndarray, divisor: int) -> np.ndarray:
    """Encode as H.264 at a fraction of the bit rate of the source."""
    return _each(clips, lambda clip: decode(encode(clip, "libx264", _bit_rate(clip, divisor))))


def h265_abr(clips: np.ndarray, keys: np.ndarray, divisor: int) -> np.ndarray:
    """Encode as H.265 at a fraction of the bit rate of the source."""
    return _each(clips, lambda clip: decode(encode(clip, "libx265", _bit_rate(clip, divisor))))


def mpeg1(clips: np.ndarray, keys: np.ndarray, quantiser: int) -> np.ndarray:
    """Encode as MPEG-1 at a constant quantiser scale."""
    return _each(clips, lambda clip: decode(encode(clip, "mpeg1video", _quantiser(quantiser))))


def mpeg2(clips: np.ndarray, keys: np.ndarray, quantiser: int) -> np.ndarray:
    """Encode as MPEG-2 at a constant quantiser scale."""
    return _each(clips, lambda clip: decode(encode(clip, "mpeg2video", _quantiser(quantiser))))


def frame_rate(clips: np.ndarray, keys: np.ndarray, share_long: float, share_short: float) -> np.ndarray:
    """Keep a share of the frames, encode these as H.265 at its default quality, and hold each until the next."""
    frames = clips.shape[1]
    share = share_long if frames >= LONG_CLIP else share_short
    slots = np.floor(np.arange(frames) * share + 1e-9).astype(int)
    kept = np.minimum(np.ceil((np.arange(slots[-1] + 1) + 0.5) / share - 1e-9).astype(int) - 1, frames - 1)
    return _each(clips, lambda clip: decode(encode(clip[kept], "libx265", {"crf": "28"}))[slots])


def packet_loss(clips: np.ndarray, keys: np.ndarray, share: float) -> np.ndarray:
    """Send the stream in packets and lose a share of them. The rest of a coded slice after a gap is lost too."""
    result = np.empty_like(clips)
    for clip, key, out in zip(clips, keys, result, strict=True):
        stream = _source(clip)
        payload = max(16, round(PACKET_BYTES * min(1, _frame_bytes(stream) / REFERENCE_FRAME_BYTES)))
        out[:] = decode(_lose_packets(stream, payload, share, key))
    return result


def _lose_packets(stream: Stream, payload: int, share: float, key: np.uint64) -> Stream:
    """Cut every NAL unit at its first lost packet. A unit without its first packet is gone."""
    units = [split_units(packet) for packet in stream.packets]
    fragments = [-(-len(unit) // payload) for packet in units for unit in packet]
    is_lost = iter(np.split(uniforms(key, sum(fragments)) < share, np.cumsum(fragments)[:-1]))
    received = []
    for packet in units:
        left = [unit[: payload * int(np.argmax([*lost, True]))] for unit, lost in zip(packet, is_lost, strict=False)]
        received.append(join_units(unit for unit in left if unit))
    return replace(stream, packets=tuple(received))


def bit_error(clips: np.ndarray, keys: np.ndarray, spacing: float) -> np.ndarray:
    """Replace one in ``spacing`` bytes by a random byte; the parameter sets in the container stay whole."""
    result = np.empty_like(clips)
    for clip, key, out in zip(clips, keys, result, strict=True):
        stream = _source(clip)
        share = max(1, REFERENCE_FRAME_BYTES / _frame_bytes(stream)) / spacing
        out[:] = decode(_damage_bytes(stream, share, key))
    return result


def _damage_bytes(stream: Stream, share: float, key: np.uint64) -> Stream:
    data = np.frombuffer(b"".join(stream.packets), np.uint8).copy()
    draws = uniforms(key, 2 * len(data))
    is_hit = draws[: len(data)] < share
    data[is_hit] = (256 * draws[len(data) :][is_hit]).astype(np.uint8)
    parts = np.split(data, np.cumsum([len(packet) for packet in stream.packets])[:-1])
    return replace(stream, packets=tuple(part.tobytes() for part in parts))


def _each(clips: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([function(clip) for clip in clips])


def _source(clip: np.ndarray) -> Stream:
    return encode(clip, "libx264", {"crf": "23"})


def _frame_bytes(stream: Stream) -> float:
    return stream.size / stream.shape[0]


def _bit_rate(clip: np.ndarray, divisor: int) -> dict[str, str]:
    """Return options for a fraction of the source's bit rate, with a buffer of one second, as published."""
    rate = max(LEAST_BIT_RATE, round(8 * _frame_bytes(_source(clip)) * FRAMES_PER_SECOND / divisor))
    return {"b": str(rate), "maxrate": str(rate), "bufsize": str(rate)}


def _quantiser(scale: int) -> dict[str, str]:
    return {"qmin": str(scale), "qmax": str(scale)}
