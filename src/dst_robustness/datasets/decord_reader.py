"""decord, for the kind of video whose frames it surely reads right: MPEG-4 in AVI, as UCF101 and HMDB51 are.

decord is only asked for the next frame, from the first to the last one. Its other calls seek, ``skip_frames`` among
them, and seeking returns other frames than those asked for. What decord would get wrong without a word goes to PyAV: in
H.264, MJPEG and others a change of the size on the way, and turns that the stream itself tells; containers that start
elsewhere than at their first frame (transport streams), show a part (edit lists) or are turned (MP4, Matroska).
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
    """decord's frames of this file are not surely the right ones, which says little about the file."""


def decord_version() -> str | None:
    """Return the version of the installed decord, None where there is none that can be loaded."""
    try:
        load_decord()
        return version("decord2")  # its FFmpeg is as new as PyAV's; that of the package decord is not
    except (ImportError, OSError, RuntimeError, PackageNotFoundError):
        return None


@cache
def load_decord() -> ModuleType:
    """Import decord without the libraries of NVIDIA's wheels, and without showing its own to others.

    Where those wheels are installed, as beside torch, decord's import loads all of their libraries for the whole
    process: hundreds of megabytes, and NVBLAS among them, which takes over matrix products and crashes torch. And what
    is loaded later, as by Pillow, would find the FFmpeg, WebP and others that decord brings before its own.
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
    """Whether the header tells of a video that decord reads: odd sides get other colours in it."""
    context = stream.codec_context
    return (
        (container.format.name, context.name, context.pix_fmt) == ("avi", "mpeg4", "yuv420p")
        and len(container.streams.video) == 1
        and context.width % 2 == context.height % 2 == 0
        and decord_version() is not None
    )


def layers(stream: VideoStream, packet: Packet) -> set[bytes]:
    """Return the headers before and in a packet that give MPEG-4 its size; more than one in a file may change it."""
    return {header for data in (stream.codec_context.extradata or b"", bytes(packet)) for header in LAYER.findall(data)}


def frames(path: str, *, count: int, height: int, width: int) -> Iterator[Any]:
    """Yield the frames of a video that ``suits``, each of which turns into uint8 [height, width, 3] by ``asnumpy()``.

    A decoder makes at most one frame of a packet of MPEG-4. So ``count`` frames out of as many packets are all frames,
    in order: decord would repeat one in place of each that is missing, and is told to stop there.

    Raises:
        NotReadError: possibly as late as at the end, where decord has not read ``count`` frames of these sides.
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
