"""Common corruptions of images and clips: uint8 RGB in, uint8 RGB out, the same bytes on every machine."""

from __future__ import annotations

from dst_robustness.corruptions.images import (
    BENCHMARK_CORRUPTIONS,
    IMAGE_CORRUPTIONS,
    SEVERITIES,
    Corruption,
    corrupt_images,
)
from dst_robustness.corruptions.parameters import FAMILIES
from dst_robustness.corruptions.video.clips import VIDEO_CORRUPTIONS, VideoCorruption, corrupt_clips

__all__ = [
    "BENCHMARK_CORRUPTIONS",
    "FAMILIES",
    "IMAGE_CORRUPTIONS",
    "SEVERITIES",
    "VIDEO_CORRUPTIONS",
    "Corruption",
    "VideoCorruption",
    "corrupt_clips",
    "corrupt_images",
]
