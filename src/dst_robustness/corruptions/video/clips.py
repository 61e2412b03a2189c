"""The corruptions of clips by name, and the one function that applies them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

import numpy as np

from dst_robustness.corruptions import parameters as image_parameters
from dst_robustness.corruptions.images import SEVERITIES
from dst_robustness.corruptions.video.parameters import KINETICS_C, UCF101_P
from dst_robustness.registry import unknown_name

SUITES = ("kinetics_c", "ucf101_p")


@dataclass(frozen=True)
class VideoCorruption:
    """One corruption of clips.

    Attributes:
        name: as published. ``_p`` marks one of UCF101-P where Kinetics-C has a different one of the same name.
        category: noise, blur, weather, digital, temporal, camera or stream.
        suite: ``kinetics_c`` or ``ucf101_p``; ``own`` for one of neither, which a study lists by name: ``all`` is what
            it was. Its constants are in the table of ``ucf101_p``.
        place: ``module:function``, imported when first needed.
        acts_on: ``clip``: the function takes clips. ``frame``: an image corruption with new random numbers for each
            frame, as published. ``shared``: an image corruption with the same random numbers for all frames of a clip.
        sized_as: the image corruption whose constants for the size of the clip it takes; None if it has its own.
    """

    name: str
    category: str
    suite: str
    place: str
    acts_on: Literal["clip", "frame", "shared"] = "clip"
    sized_as: str | None = None

    @property
    def function(self) -> Callable[..., np.ndarray]:
        """The function (clips or images, keys, *constants) -> the same shape."""
        module, _, attribute = self.place.partition(":")
        return getattr(import_module(f"dst_robustness.corruptions.{module}"), attribute)

    def constants(self, severity: int, side: int) -> tuple[float, ...]:
        """Return the constants of a severity for clips whose smaller side has this many pixels."""
        if self.sized_as is not None:
            return image_parameters.FAMILIES[image_family(side)][self.sized_as][severity - 1]
        return (KINETICS_C if self.suite == "kinetics_c" else UCF101_P)[self.name][severity - 1]


_K, _U = SUITES
_ALL = (
    VideoCorruption("shot_noise", "noise", _K, "noise:shot_noise", "frame"),
    VideoCorruption("motion_blur", "blur", _K, "video.temporal:motion_blur"),
    VideoCorruption("rain", "weather", _K, "video.rain:rain", "frame"),
    VideoCorruption("fog", "weather", _K, "weather:fog", "shared", sized_as="fog"),
    VideoCorruption("brightness", "weather", _K, "weather:brightness", "frame"),
    VideoCorruption("contrast", "digital", _K, "digital:contrast", "frame"),
    VideoCorruption("saturate", "digital", _K, "digital:saturate", "frame"),
    VideoCorruption("packet_loss", "stream", _K, "video.stream:packet_loss"),
    VideoCorruption("bit_error", "stream", _K, "video.stream:bit_error"),
    VideoCorruption("frame_rate", "stream", _K, "video.stream:frame_rate"),
    VideoCorruption("h264_crf", "stream", _K, "video.stream:h264_crf"),
    VideoCorruption("h264_abr", "stream", _K, "video.stream:h264_abr"),
    VideoCorruption("h265_crf", "stream", _K, "video.stream:h265_crf"),
    VideoCorruption("h265_abr", "stream", _K, "video.stream:h265_abr"),
    VideoCorruption("gaussian_noise", "noise", _U, "noise:gaussian_noise", "frame"),
    VideoCorruption("shot_noise_p", "noise", _U, "noise:shot_noise", "frame"),
    VideoCorruption("impulse_noise", "noise", _U, "noise:impulse_noise", "frame"),
    VideoCorruption("speckle_noise", "noise", _U, "noise:speckle_noise", "frame"),
    VideoCorruption("defocus_blur", "blur", _U, "blur:defocus_blur", "frame", sized_as="defocus_blur"),
    VideoCorruption("motion_blur_p", "blur", _U, "blur:motion_blur", "frame", sized_as="motion_blur"),
    VideoCorruption("zoom_blur", "blur", _U, "blur:zoom_blur", "frame", sized_as="zoom_blur"),
    VideoCorruption(
        "jpeg_compression", "digital", _U, "jpeg:jpeg_compression_turbo", "frame", sized_as="jpeg_compression"
    ),
    VideoCorruption("mpeg1", "stream", _U, "video.stream:mpeg1"),
    VideoCorruption("mpeg2", "stream", _U, "video.stream:mpeg2"),
    VideoCorruption("sampling", "temporal", _U, "video.temporal:sampling"),
    VideoCorruption("reverse_sampling", "temporal", _U, "video.temporal:reverse_sampling"),
    VideoCorruption("jumble", "temporal", _U, "video.temporal:jumble"),
    VideoCorruption("box_jumble", "temporal", _U, "video.temporal:box_jumble"),
    VideoCorruption("freeze", "temporal", _U, "video.temporal:freeze"),
    VideoCorruption("static_rotate", "camera", _U, "video.camera:static_rotate"),
    VideoCorruption("rotate", "camera", _U, "video.camera:rotate"),
    VideoCorruption("translate", "camera", _U, "video.camera:translate"),
)
VIDEO_CORRUPTIONS: dict[str, VideoCorruption] = {corruption.name: corruption for corruption in _ALL}


def suite(name: str) -> tuple[str, ...]:
    """Return the names of one suite's corruptions, ``kinetics_c`` or ``ucf101_p``."""
    if name not in SUITES:
        raise unknown_name("suite of video corruptions", name, SUITES)
    return tuple(corruption.name for corruption in _ALL if corruption.suite == name)


def image_family(side: int) -> str:
    """Return the family of the image benchmark nearest to a frame size: cifar, tiny_imagenet or imagenet."""
    return "cifar" if side <= 48 else "tiny_imagenet" if side <= 112 else "imagenet"


def corrupt_clips(clips: np.ndarray, name: str, severity: int, *, seed: int = 0, first_index: int = 0) -> np.ndarray:
    """Corrupt a batch of clips. The number of frames and their size stay the same.

    Args:
        clips: uint8 [N, T, H, W, 3], RGB.
        name: one of VIDEO_CORRUPTIONS.
        severity: 1-5.
        seed: seed of the whole set.
        first_index: index of the first clip in its set. Clip i of the batch depends on (seed, name, severity,
            first_index + i) alone. In the category ``stream`` (which has mpeg and frame rate too) it also depends on
            the libraries that ``codec.video_library_versions()`` names.

    Returns:
        A new array uint8 [N, T, H, W, 3].

    Raises:
        ValueError: if an argument is not as above; the message says what is allowed.
    """
    check_clips(clips)
    if name not in VIDEO_CORRUPTIONS:
        raise unknown_name("corruption of clips", name, VIDEO_CORRUPTIONS)
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity} is not one of 1, 2, 3, 4, 5")
    if len(clips) == 0:
        return clips.copy()

    from dst_robustness.corruptions.random import stream_keys
    from dst_robustness.corruptions.video.random import frame_keys

    corruption = VIDEO_CORRUPTIONS[name]
    constants = corruption.constants(severity, min(clips.shape[2:4]))
    keys = stream_keys(seed, name, severity, first_index, len(clips))
    clips = np.ascontiguousarray(clips)
    if corruption.acts_on == "clip":
        return corruption.function(clips, keys, *constants)
    frames = clips.shape[1]
    keys = frame_keys(keys, frames) if corruption.acts_on == "frame" else np.repeat(keys, frames)
    return corruption.function(clips.reshape(-1, *clips.shape[2:]), keys, *constants).reshape(clips.shape)


def check_clips(clips: np.ndarray) -> None:
    """Raise ValueError unless this is uint8 [N, T, H, W, 3] with at least one frame of one pixel."""
    if not isinstance(clips, np.ndarray) or clips.dtype != np.uint8:
        raise ValueError(f"clips must be a uint8 array, not {getattr(clips, 'dtype', type(clips).__name__)}")
    if clips.ndim != 5 or clips.shape[4] != 3 or 0 in clips.shape[1:]:
        raise ValueError(f"clips must be [N, T, H, W, 3] with T, H, W of at least 1, not {list(clips.shape)}")
