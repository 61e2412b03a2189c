"""Read videos with decord, but only the kind that it reads correctly: MPEG-4 in AVI, such as UCF101 and HMDB51.

decord is only asked for the next frame, from the first to the last. Its other calls, even ``skip_frames``, seek, and
then return wrong frames. PyAV reads everything that decord would silently get wrong: H.264, MJPEG and others whose size
changes or that are rotated by the stream itself, and containers that do not start at their first frame (transport
streams), show only a part (edit lists) or are rotated (MP4, Matroska).
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from av import Packet
from av.container import InputContainer
from av.video.stream import VideoStream

READS = "MPEG-4 in AVI"
LAYER = re.compile(
    rb"\x00\x00\x01[\x20-\x2f].*?(?=\x00\x00\x01|\Z)", re.DOTALL
)  # the header that gives MPEG-4 its size


class NotReadError(Exception):
    """decord's frames of this file may be wrong. That says little about the file."""


def decord_version() -> str | None:
    """Return the version of the installed decord, or None if it cannot be loaded."""
    try:
        load_decord()
        return version("decord2")  # its FFmpeg is as new as PyAV's; that of the package decord is not
    except (ImportError, OSError, RuntimeError, PackageNotFoundError):
        return None


@cache
def load_decord() -> ModuleType:
    """Import decord without the libraries of NVIDIA's wheels, and hide its own libraries from others.

    If those wheels are installed, for example with torch, decord's import loads all their libraries for the whole
    process. These are hundreds of megabytes, and one of them, NVBLAS, replaces matrix products and crashes torch. Also,
    libraries that load later (such as Pillow's) would find decord's copies of FFmpeg, WebP and others before their own.
    """
    find_spec, shown = importlib.util.find_spec, ctypes.RTLD_GLOBAL
    importlib.util.find_spec = lambda name, package=None: None if name == "nvidia" else find_spec(name, package)
    ctypes.RTLD_GLOBAL = ctypes.RTLD_LOCAL  # type: ignore[misc]
    try:
        decord = importlib.import_module("decord")
    finally:
        importlib.util.find_spec = find_spec
        ctypes.RTLD_GLOBAL = shown  # type: ignore[misc]
    decord.logging.set_level(decord.logging.QUIET)  # FFmpeg's lines on damage do not name the file
    return decord


def suits(container: InputContainer, stream: VideoStream) -> bool:
    """Return whether decord reads a video with this header correctly. It gets the colours of odd sides wrong."""
    context = stream.codec_context
    return (
        (container.format.name, context.name, context.pix_fmt) == ("avi", "mpeg4", "yuv420p")
        and len(container.streams.video) == 1
        and context.width % 2 == context.height % 2 == 0
        and decord_version() is not None
    )


def layers(stream: VideoStream, packet: Packet) -> set[bytes]:
    """Return the headers before and in a packet that set the size in MPEG-4. If a file has several, it may change."""
    return {header for data in (stream.codec_context.extradata or b"", bytes(packet)) for header in LAYER.findall(data)}


def frames(path: str, *, count: int, height: int, width: int) -> Iterator[Any]:
    """Yield the frames of a video that ``suits``. ``asnumpy()`` turns each into uint8 [height, width, 3].

    A packet of MPEG-4 gives at most one frame. So if there are ``count`` frames from as many packets, these are all
    frames in order. decord would repeat a frame in place of each missing one; it is told to stop there.

    Raises:
        NotReadError: if decord has not read ``count`` frames of this size. This may come as late as at the end.
    """
    try:
        video = load_decord().VideoReader(path, num_threads=1, fault_tol=1e-9)
        if len(video) != count:
            raise NotReadError(f"counts {len(video)} frames")
        for _ in range(count):
            frame = video.next()
            if frame.shape != (height, width, 3):  # frames whose rows in memory are as long as other frames'
                raise NotReadError(f"frames of the shape {frame.shape}")
            yield frame
    except Exception as error:  # whatever decord makes of a damaged file, PyAV tells what is in it
        raise NotReadError(f"{type(error).__name__}: {error}") from error
