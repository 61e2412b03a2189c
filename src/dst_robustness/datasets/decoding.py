"""A fixed number of square frames out of any video file: decord reads, PyAV takes over where decord gives up."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

LARGEST_SIDE = 8192  # pixels; a header that claims more is damaged or an attack on the memory
SAMPLINGS = ("uniform", "dense")


def frame_indices(
    available: int, frames: int, *, sampling: str = "uniform", stride: int = 2, clips: int = 1
) -> np.ndarray:
    """Choose ``frames`` of the ``available`` frames of a video for each of several clips, int64 [clips * frames].

    ``uniform`` takes the middle frame of each of ``frames`` equal parts, so that the whole video is covered; ``dense``
    takes every ``stride``-th frame around the middle, and starts over where the video is too short (Hara et al., "Can
    Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?", 2018). Several clips follow each other, evenly
    spread: their frames over each part, or their starts over the video. Raises ValueError for other samplings.
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
    """Read frames of a video, upright, cut to the central square and resized.

    Frames count as they come, also where their times are uneven. This call has no time limit of its own: a file of
    unknown origin is read through a ``DecodingPool``, which has one.

    Args:
        path: a video in any container and codec that FFmpeg knows.
        frames: T, how many frames to take; a shorter video repeats some.
        size: side of the frames in pixels, S: the short side of the video is resized to it.
        sampling, stride, clips: which frames, see ``frame_indices``.

    Returns:
        The clip, uint8 [T, S, S, 3] RGB; several clips follow each other, [clips * T, S, S, 3].

    Raises:
        ValueError: naming the file, where it is missing, empty, no video, has no picture stream, claims sides over
            8192 pixels, or where fewer than half of the frames that its header promises can be decoded.
    """
    path = Path(path)
    choose = partial(frame_indices, frames=frames, sampling=sampling, stride=stride, clips=clips)
    choose(1)  # a wrong option is not the fault of the file
    promised = _probe(path)
    try:
        picked = _read_with_decord(path, choose, promised)
    except _DecordError:
        picked = _read_with_pyav(path, choose, promised)
    return np.stack([_square(frame, size) for frame in picked])


class _DecordError(Exception):
    """Decord cannot read this file, which says little about the file."""


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    import av

    try:
        container = av.open(str(path), metadata_errors="ignore")
    except av.error.FFmpegError as error:
        raise ValueError(f"{path}: not a video that FFmpeg can read ({error.strerror or error})") from error
    with container:
        yield container


def _probe(path: Path) -> int:
    """Check what the header says, and return the number of frames that it promises, 0 where it does not."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    with _opened(path) as container:
        if not container.streams.video:
            raise ValueError(f"{path}: has no video stream")
        stream = container.streams.video[0]
        sides = (stream.codec_context.width, stream.codec_context.height)
        if not all(0 < side <= LARGEST_SIDE for side in sides):
            raise ValueError(f"{path}: claims {sides[0]} x {sides[1]} pixels; allowed: 1 to {LARGEST_SIDE} a side")
        return stream.frames


@cache
def load_decord() -> ModuleType:
    """Import decord without the libraries of NVIDIA's wheels.

    Where those wheels are installed, as beside torch, decord's import loads all of their libraries for the whole
    process: hundreds of megabytes, and NVBLAS among them, which takes over matrix products and crashes torch.
    """
    find_spec = importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: None if name == "nvidia" else find_spec(name, package)
    try:
        return importlib.import_module("decord")
    finally:
        importlib.util.find_spec = find_spec


def _read_with_decord(path: Path, choose: Callable[[int], np.ndarray], promised: int) -> Iterable[np.ndarray]:
    decord = load_decord()
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
        _check_count(path, len(reader), promised)
        # In order and once each: decord would seek back for every clip.
        indices, places = np.unique(choose(len(reader)), return_inverse=True)
        return reader.get_batch(indices).asnumpy()[places]
    except (decord.DECORDError, RuntimeError) as error:
        # Damaged packets, and frames whose row length in memory happens to divide by three (such as 32 or 176 wide).
        raise _DecordError(str(error)) from error


def _read_with_pyav(path: Path, choose: Callable[[int], np.ndarray], promised: int) -> list[np.ndarray]:
    """Read what FFmpeg's error concealment makes of the stream: once to count, once to take, in bounded memory."""
    available = sum(1 for _ in _decoded(path))
    _check_count(path, available, promised)
    indices = choose(available)
    wanted = set(indices.tolist())
    # FFmpeg states the turn that is still due, anticlockwise, as NumPy counts quarter turns.
    taken = {
        i: np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
        for i, frame in enumerate(_decoded(path))
        if i in wanted
    }
    return [taken[i] for i in indices.tolist()]


def _decoded(path: Path) -> Iterator[VideoFrame]:
    """Yield the frames that can be decoded, passing over packets that cannot."""
    import av

    with _opened(path) as container:
        stream = container.streams.video[0]
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


def _square(frame: np.ndarray, size: int) -> np.ndarray:
    """Cut the central square and resize it: area averages when shrinking, bilinear when enlarging."""
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(frame[top : top + side, left : left + side])
    method = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    return cv2.resize(square, (size, size), interpolation=method)
