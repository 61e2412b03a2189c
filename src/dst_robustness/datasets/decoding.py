"""A fixed number of square frames out of any video file, decoded in order from the first to the last frame.

No reader seeks here: frames that are found by seeking are other frames than those asked for in many formats (MPEG-4
with B-frames, MPEG-1/2, WMV, transport streams, open groups of images), without a word. decord reads the kind of
video that it surely reads right, PyAV all others, and each file that decord gives up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from dst_robustness.datasets import decord_reader

LARGEST_SIDE = 8192  # pixels; a header that claims more is damaged or an attack on the memory
# FFmpeg's names of the containers that are opened. Others name further files to open: playlists, lists of parts.
CONTAINERS = (
    "avi,mov,matroska,mpegts,mpeg,mpegvideo,flv,asf,asf_o,gif,ogg,mxf,nut,dv,rm,wtv,swf,ivf,m4v,h264,hevc,h263,av1,obu,"
    "vc1,mjpeg,yuv4mpegpipe"
)
EDITED = {"mov", "mp4"}  # FFmpeg's names of the containers that have edit lists
SAMPLINGS = ("uniform", "dense")


def reader() -> str:
    """Return the library that decodes videos here, with its version. If there are two, say which videos each reads."""
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    pyav = f"PyAV {av.__version__}, libavcodec {version}"
    decord = decord_reader.decord_version()
    return f"decord {decord} for {decord_reader.READS}, else {pyav}" if decord else pyav


def frame_indices(
    available: int, frames: int, *, sampling: str = "uniform", stride: int = 2, clips: int = 1
) -> np.ndarray:
    """Choose ``frames`` of the ``available`` frames of a video for each of several clips, int64 [clips * frames].

    ``uniform`` takes the middle frame of each of ``frames`` equal parts, so that the whole video is covered. ``dense``
    takes every ``stride``-th frame around the middle, and starts again if the video is too short (Hara et al., "Can
    Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?", 2018). Several clips are evenly spread: their
    frames over each part, or their starts over the video. Raises ValueError for other samplings.
    """
    steps, places = np.arange(frames), 2 * np.arange(clips)[:, None] + 1
    if sampling == "uniform":
        return ((2 * clips * steps + places) * available // (2 * clips * frames)).ravel()
    if sampling == "dense":
        starts = places * max(0, available - (frames - 1) * stride) // (2 * clips)
        return ((starts + steps * stride) % available).ravel()
    raise ValueError(f"unknown sampling '{sampling}'. Allowed: {', '.join(SAMPLINGS)}")


def read_clip(
    path: str | Path, *, frames: int, size: int, sampling: str = "uniform", stride: int = 2, clips: int = 1
) -> np.ndarray:
    """Read frames of a video, upright, cropped to the central square and resized.

    Frames are counted in order, even if their times are uneven. This call has no time limit. A file of unknown origin
    should be read in a separate process, see ``ReadingProcesses``.

    Args:
        path: a video in any container and codec that FFmpeg knows. If it has several video streams, the first one that
            is not a cover image is read.
        frames: T, the number of frames to take. A shorter video repeats some.
        size: S, the side of the frames in pixels. The short side of the video is resized to it.
        sampling, stride, clips: which frames, see ``frame_indices``.

    Returns:
        The clip, uint8 [T, S, S, 3] RGB; several clips follow each other, [clips * T, S, S, 3].

    Raises:
        ValueError: naming the file, where it is missing, empty, no video, has no video stream or one of an unknown
            codec, claims sides over 8192 pixels, or where fewer than half of the frames that its header promises can be
            decoded.
    """
    path = Path(path)
    choose = partial(frame_indices, frames=frames, sampling=sampling, stride=stride, clips=clips)
    choose(1)  # a wrong option is not the fault of the file
    header = _probe(path)
    indices = choose(max(1, header.packets))
    if (taken := _take_with_decord(path, header, indices, size)) is None:
        taken, available = _take(path, indices, size)
        _check_count(path, available, header.promised)
        if available != header.packets:
            indices = choose(available)
            taken, _ = _take(path, indices, size)
    return np.stack([taken[i] for i in indices.tolist()])


@dataclass(frozen=True)
class _Header:
    """What a file says before it is decoded.

    Attributes:
        promised: number of frames that its header promises, 0 if it does not say.
        packets: number of packets. Most files have as many frames.
        height, width: size in pixels.
        for_decord: whether decord reads such a file correctly.
    """

    promised: int
    packets: int
    height: int
    width: int
    for_decord: bool


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        container = av.open(str(path), metadata_errors="ignore", options={"format_whitelist": CONTAINERS})
    except av.error.FFmpegError as error:
        raise ValueError(f"{path}: not a video that FFmpeg can read ({error.strerror or error})") from error
    with container:
        stream = next((one for one in container.streams.video if not one.disposition & Disposition.attached_pic), None)
        if stream is None:
            raise ValueError(f"{path}: has no video stream")
        yield container, stream


def _probe(path: Path) -> _Header:
    """Check what the header says, and count the packets."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    with _opened(path) as (container, stream):
        if cast(Any, stream.codec_context) is None:  # possible, although PyAV's type says otherwise
            raise ValueError(f"{path}: holds a video of a codec that FFmpeg does not know")
        sides = width, height = stream.codec_context.width, stream.codec_context.height
        if not all(0 < side <= LARGEST_SIDE for side in sides):
            raise ValueError(f"{path}: claims {sides[0]} x {sides[1]} pixels; allowed: 1 to {LARGEST_SIDE} a side")
        count, layers, suits = 0, set(), decord_reader.suits(container, stream)
        with suppress(av.error.FFmpegError):  # decoding will show what there is
            for packet in container.demux(stream):
                count += bool(packet.size) and not packet.is_discard
                if suits:
                    layers |= decord_reader.layers(stream, packet)
        promised = _promised(container, stream)
        return _Header(promised, count, height, width, suits and promised == count > 0 and len(layers) == 1)


def _promised(container: InputContainer, stream: VideoStream) -> int:
    if EDITED & set(container.format.name.split(",")):  # an edit list may show only some of the frames in the header
        return min(stream.frames, sum(not entry.is_discard for entry in stream.index_entries))
    return stream.frames


def _take_with_decord(path: Path, header: _Header, indices: np.ndarray, size: int) -> dict[int, np.ndarray] | None:
    """Return the frames of these numbers like ``_take``, or None if PyAV has to read them."""
    if not header.for_decord:
        return None
    wanted = set(indices.tolist())
    video = decord_reader.frames(str(path), count=header.packets, height=header.height, width=header.width)
    try:
        return {number: _square(frame.asnumpy(), size) for number, frame in enumerate(video) if number in wanted}
    except decord_reader.NotReadError:
        return None


def _take(path: Path, indices: np.ndarray, size: int) -> tuple[dict[int, np.ndarray], int]:
    """Return the frames of these numbers, uint8 [size, size, 3] each, and how many frames there are."""
    wanted = set(indices.tolist())
    taken: dict[int, np.ndarray] = {}
    count = 0
    converter = VideoReformatter()  # one for all frames: to set it up takes as long as to convert a frame
    for frame in _decoded(path):
        if count in wanted:
            pixels = converter.reformat(frame, format="rgb24").to_ndarray()
            taken[count] = _square(_upright(pixels, frame), size)
        count += 1
    return taken, count


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    """Yield all frames that can be decoded, in order. Skip packets that cannot be decoded."""
    with _opened(path) as (container, stream):
        stream.codec_context.thread_count = 1
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                continue


def _check_count(path: Path, available: int, promised: int) -> None:
    if available == 0 or 2 * available < promised:
        promise = f" of the {promised} that its header promises" if promised else ""
        raise ValueError(f"{path}: {available} frames can be decoded{promise}; the file is truncated or damaged")


def _upright(pixels: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Rotate and mirror a frame by its display matrix, which maps (x, y) to (ax + cy, bx + dy)."""
    matrix = cast(Any, frame.side_data).get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return pixels
    a, b, _, c, d = np.sign(np.round(np.frombuffer(matrix, np.int32)[:5] / (1 << 16))).astype(int)
    if a == d == 0:
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return pixels[:: d or 1, :: a or 1]


def _square(frame: np.ndarray, size: int) -> np.ndarray:
    """Crop to the central square and resize it: by area averages when shrinking, bilinearly when enlarging."""
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(frame[top : top + side, left : left + side])
    method = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    return cv2.resize(square, (size, size), interpolation=method)
