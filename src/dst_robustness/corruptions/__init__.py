"""Common corruptions of images and clips: uint8 RGB in, uint8 RGB out, the same bytes on every machine."""

from __future__ import annotations

from dst_robustness.corruptions.images import (
    BENCHMARK_CORRUPTIONS,
    C_BAR_CORRUPTIONS,
    CONSTANTS,
    IMAGE_CORRUPTIONS,
    KNOWN_CORRUPTIONS,
    SEVERITIES,
    THREE_DCC_CORRUPTIONS,
    Corruption,
    check_corruption,
    choose_corruptions,
    corrupt_images,
    family_of,
    image_suites,
)
from dst_robustness.corruptions.parameters import FAMILIES
from dst_robustness.corruptions.video.clips import VIDEO_CORRUPTIONS, VideoCorruption, corrupt_clips

__all__ = [
    "BENCHMARK_CORRUPTIONS",
    "CONSTANTS",
    "C_BAR_CORRUPTIONS",
    "FAMILIES",
    "IMAGE_CORRUPTIONS",
    "KNOWN_CORRUPTIONS",
    "SEVERITIES",
    "THREE_DCC_CORRUPTIONS",
    "VIDEO_CORRUPTIONS",
    "Corruption",
    "VideoCorruption",
    "check_corruption",
    "choose_corruptions",
    "corrupt_clips",
    "corrupt_images",
    "family_of",
    "image_suites",
]
