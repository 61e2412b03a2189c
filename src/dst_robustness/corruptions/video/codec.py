"""Clips through a video encoder and decoder: the same library versions give the same bytes every time.

The encoder has one thread, since with several its decisions depend on how they share the work. OpenCV's integer
arithmetic converts the colours, since FFmpeg's scaler chooses its instructions by processor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import cv2
import numpy as np

FRAMES_PER_SECOND = 25  # that of UCF101; a clip does not say its own
NOTHING_RECEIVED = 128  # grey, as FFmpeg paints where it has nothing to conceal a loss with

_FRAME_TIME = Fraction(1, FRAMES_PER_SECOND)
_DECODERS = {"libx264": "h264", "libx265": "hevc", "mpeg1video": "mpeg1video", "mpeg2video": "mpeg2video"}
# x265 4.2 writes past its buffers at some widths of 33 to 55 pixels. On images of a single 64-pixel unit its choices
# depend on what was in memory before.
_LEAST_SIDE = {"libx265": 80}
_USER_DATA = 6  # the NAL unit in which x264 names itself and its options: larger than a small clip, and not an image
# x264's macroblock tree is off: with it, x264 165 reads memory that it never wrote, and one clip in three differed.
_REPEATABLE = {
    "libx264": {"x264-params": "mbtree=0"},
    "libx265": {"x265-params": "pools=none:frame-threads=1:log-level=none"},
}


@dataclass(frozen=True)
class Stream:
    """An encoded clip.

    Attributes:
        codec: the encoder's name.
        header: the parameter sets. A container carries them apart from the frames.
        packets: bytes of each coded frame, in coding order.
        times: (presentation, decoding) time of each packet, in frames.
        shape: shape of the clip (T, H, W, 3).
    """

    codec: str
    header: bytes
    packets: tuple[bytes, ...]
    times: tuple[tuple[int, int], ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of all coded frames."""
        return sum(len(packet) for packet in self.packets)


def encode(clip: np.ndarray, codec: str, options: dict[str, str]) -> Stream:
    """Encode a clip uint8 [T, H, W, 3] with 4:2:0 colour.

    A side that is odd or too small for the encoder is padded by repeating the edge. ``decode`` cuts the padding off.
    """
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(codec, "w"))
    height, width = (max(side + side % 2, _LEAST_SIDE.get(codec, 2)) for side in clip.shape[1:3])
    encoder.height, encoder.width = height, width
    encoder.pix_fmt = "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FRAMES_PER_SECOND), _FRAME_TIME
    encoder.thread_count = 1
    encoder.flags |= av.codec.context.Flags.global_header | av.codec.context.Flags.bitexact
    encoder.options = options | _REPEATABLE.get(codec, {})
    packets = []
    for time, frame in enumerate(clip):
        picture = av.VideoFrame.from_ndarray(_to_planes(frame, height, width), format="yuv420p")
        picture.pts, picture.time_base = time, _FRAME_TIME
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    header = bytes(encoder.extradata or b"")
    times = tuple((packet.pts or 0, packet.dts or 0) for packet in packets)
    coded = tuple(map(bytes, packets))
    if codec == "libx264":
        coded = tuple(join_units(u for u in split_units(data) if u[0] & 31 != _USER_DATA) for data in coded)
    return Stream(codec, header, coded, times, clip.shape)


def split_units(packet: bytes) -> list[bytes]:
    """Divide an H.264 packet at its start codes into NAL units (Annex B). The first byte of a unit holds its type."""
    starts = [match.end() for match in re.finditer(b"\0\0\1", packet)]
    ends = [start - 3 for start in starts[1:]] + [len(packet)]
    return [packet[start:end].rstrip(b"\0") for start, end in zip(starts, ends, strict=False)]


def join_units(units: Iterable[bytes]) -> bytes:
    """Join NAL units into a packet, with a start code before each."""
    return b"".join(b"\0\0\1" + unit for unit in units)


def decode(stream: Stream) -> np.ndarray:
    """Decode to uint8 [T, H, W, 3], however damaged the packets are; an empty packet is a lost one.

    The decoder conceals what it can. For a frame that it does not deliver, the one before is repeated, as a player
    does. Frames before the first delivered one show that one. If none is delivered, the whole clip is grey.
    """
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(_DECODERS[stream.codec], "r"))
    decoder.extradata = stream.header or None
    decoder.thread_count = 1
    decoder.flags |= av.codec.context.Flags.output_corrupt | av.codec.context.Flags.bitexact
    count, height, width = stream.shape[:3]
    clip = np.full(stream.shape, NOTHING_RECEIVED, np.uint8)
    received = np.zeros(count, bool)
    for data, (presented, decoded) in zip((*stream.packets, None), (*stream.times, (0, 0)), strict=True):
        if data is not None and not data:
            continue
        for picture in _decode_packet(decoder, data, presented, decoded):
            is_placed = picture.pts is not None and 0 <= picture.pts < count
            if is_placed and picture.height >= height and picture.width >= width:
                clip[picture.pts] = _from_planes(picture.to_ndarray())[:height, :width]
                received[picture.pts] = True
    if received.any():
        latest = np.maximum.accumulate(np.where(received, np.arange(count), -1))
        clip = clip[np.where(latest < 0, np.argmax(received), latest)]
    return clip


def _decode_packet(
    decoder: av.VideoCodecContext, data: bytes | None, presented: int, decoded: int
) -> Sequence[av.VideoFrame]:
    """Return the frames that a packet completes. The packet None asks for the frames still held back."""
    packet = None
    if data is not None:
        packet = av.Packet(data)
        packet.pts, packet.dts, packet.time_base = presented, decoded, _FRAME_TIME
    try:
        return [frame for frame in decoder.decode(packet) if frame.format.name in ("yuv420p", "yuvj420p")]
    except av.error.FFmpegError:
        return []


def _to_planes(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Convert RGB uint8 [H, W, 3] to stacked 4:2:0 planes in JPEG's colours, uint8 [height * 3 / 2, width]."""
    padded = cv2.copyMakeBorder(frame, 0, height - frame.shape[0], 0, width - frame.shape[1], cv2.BORDER_REPLICATE)
    luma, red, blue = cv2.split(cv2.cvtColor(padded, cv2.COLOR_RGB2YCrCb))
    half = [cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for plane in (blue, red)]
    return np.concatenate([luma.ravel(), *(plane.ravel() for plane in half)]).reshape(-1, width)


def _from_planes(planes: np.ndarray) -> np.ndarray:
    """Convert back what ``_to_planes`` made."""
    width = planes.shape[1]
    height = planes.shape[0] * 2 // 3
    blue, red = planes[height:].reshape(2, height // 2, width // 2)
    full = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in (red, blue)]
    return cv2.cvtColor(cv2.merge([planes[:height], *full]), cv2.COLOR_YCrCb2RGB)


def video_library_versions() -> dict[str, str]:
    """Return the versions that the stream corruptions' bytes depend on: of PyAV, its FFmpeg, and OpenCV."""
    libraries = {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}
    codec = {name: libraries[name] for name in ("libavcodec", "libavutil")}
    return {"av": av.__version__, "ffmpeg": av.ffmpeg_version_info, **codec, "opencv": cv2.__version__}
