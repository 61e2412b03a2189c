"""The contract of ``corrupt_clips``: names, shapes, and what the result depends on."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("av")

from dst_robustness.corruptions import VIDEO_CORRUPTIONS, corrupt_clips
from dst_robustness.corruptions.video.clips import suite
from dst_robustness.corruptions.video.codec import video_library_versions

KINETICS_C = {
    *("shot_noise", "motion_blur", "rain", "fog", "brightness", "contrast", "saturate", "packet_loss", "bit_error"),
    *("frame_rate", "h264_crf", "h264_abr", "h265_crf", "h265_abr"),
}


def moving_clips(count: int = 3, frames: int = 8, height: int = 32, width: int = 32) -> np.ndarray:
    """Draw textures that move, uint8 [count, frames, height, width, 3]."""
    generator = np.random.default_rng(0)
    wide = generator.integers(0, 256, (count, height // 4 + 1, (width + frames) // 4 + 2, 3), dtype=np.uint8)
    wide = wide.repeat(4, axis=1).repeat(4, axis=2)
    return np.stack([wide[:, :height, t : t + width] for t in range(frames)], axis=1)


def test_two_suites_of_the_published_size() -> None:
    """Kinetics-C has its 14 here, UCF101-P its 18 (times five severities: the 90 perturbations of the paper)."""
    assert set(suite("kinetics_c")) == KINETICS_C
    assert len(suite("ucf101_p")) == 18
    assert len(VIDEO_CORRUPTIONS) == 32
    with pytest.raises(ValueError, match="kinetics_c, ucf101_p"):
        suite("ucf101")


@pytest.mark.parametrize("name", VIDEO_CORRUPTIONS)
def test_a_clip_depends_on_its_own_index_alone(name: str) -> None:
    """Any split into batches gives the same bytes; the input is untouched; shape and type stay; something changes."""
    clips = moving_clips()
    before = clips.copy()
    whole = corrupt_clips(clips, name, 4, seed=5, first_index=7)
    assert whole.shape == clips.shape
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(clips, before)
    parts = [corrupt_clips(clips[i : i + 1], name, 4, seed=5, first_index=7 + i) for i in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert any((corrupt_clips(clips, name, s, seed=5, first_index=7) != clips).any() for s in (1, 5))


DETERMINISTIC = {
    *(
        "motion_blur",
        "brightness",
        "contrast",
        "saturate",
        "frame_rate",
        "h264_crf",
        "h264_abr",
        "h265_crf",
        "h265_abr",
    ),
    *("defocus_blur", "zoom_blur", "jpeg_compression", "mpeg1", "mpeg2", "sampling", "reverse_sampling"),
    "static_rotate",
}


@pytest.mark.parametrize("name", [name for name in VIDEO_CORRUPTIONS if name not in DETERMINISTIC])
def test_the_seed_matters_where_chance_is_at_work(name: str) -> None:
    """Another seed gives another result; packet loss and bit errors are tried where they are frequent."""
    clips = moving_clips(6)
    assert (corrupt_clips(clips, name, 5, seed=1) != corrupt_clips(clips, name, 5, seed=2)).any()


@pytest.mark.parametrize("name", ["packet_loss", "rain", "h265_abr", "translate", "mpeg1", "freeze"])
@pytest.mark.parametrize("shape", [(1, 17, 35), (5, 66, 42), (40, 16, 16)])
def test_odd_small_and_long_clips_keep_their_shape(name: str, shape: tuple[int, int, int]) -> None:
    """One frame, odd sides, sixteen pixels, forty frames."""
    clips = moving_clips(1, *shape)
    assert corrupt_clips(clips, name, 5).shape == clips.shape


def test_frames_are_drawn_anew_except_for_fog() -> None:
    """Noise and rain differ from frame to frame of a still clip; fog lays one map over all of them."""
    still = np.repeat(moving_clips(1, 1), 4, axis=1)
    for name in ("shot_noise", "rain", "motion_blur_p", "rotate"):
        out = corrupt_clips(still, name, 5)[0]
        assert any((frame != out[0]).any() for frame in out[1:]), name
    for name in ("fog", "translate", "static_rotate", "defocus_blur"):
        out = corrupt_clips(still, name, 5)[0]
        assert all((frame == out[0]).all() for frame in out[1:]), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "shot_nois"}, "Did you mean 'shot_noise'"),
        ({"name": "snow"}, "unknown corruption of clips 'snow'.*packet_loss"),
        ({"severity": 0}, "severity 0 is not one of 1, 2, 3, 4, 5"),
        ({"clips": np.zeros((1, 2, 8, 8, 3))}, "uint8 array, not float64"),
        ({"clips": np.zeros((2, 8, 8, 3), np.uint8)}, r"\[N, T, H, W, 3\]"),
        ({"clips": np.zeros((1, 0, 8, 8, 3), np.uint8)}, "at least 1"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_bad_arguments_are_named(change: dict, message: str) -> None:
    """One line each that says what is allowed."""
    arguments = {"clips": moving_clips(1, 2), "name": "shot_noise", "severity": 1} | change
    with pytest.raises(ValueError, match=message):
        corrupt_clips(**arguments)


def test_no_clip_gives_no_clip() -> None:
    """An empty batch stays empty."""
    assert corrupt_clips(np.empty((0, 4, 8, 8, 3), np.uint8), "h264_crf", 1).shape == (0, 4, 8, 8, 3)


def test_streams_do_not_depend_on_stray_memory() -> None:
    """Fresh processes whose unwritten memory holds other bytes agree: encoders that read it would not."""
    code = """
import hashlib
import numpy as np
from dst_robustness.corruptions import corrupt_clips
coarse = np.random.default_rng(0).integers(0, 256, (8, 9, 12, 3), dtype=np.uint8)
wide = coarse.repeat(4, axis=1).repeat(4, axis=2)
clips = np.stack([wide[:, :32, t : t + 32] for t in range(12)], axis=1)
for name in ("packet_loss", "bit_error", "h264_crf", "h265_crf", "mpeg2"):
    print(name, hashlib.sha256(corrupt_clips(clips, name, 3).tobytes()).hexdigest())
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"MALLOC_PERTURB_": fill},  # glibc fills what it hands out; elsewhere this has no effect
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for fill in ("1", "200")
    }
    assert len(found) == 1


def test_versions_of_the_libraries_are_known() -> None:
    """What stream corruptions depend on is named, for the attributes of a corrupted set."""
    versions = video_library_versions()
    assert {"av", "ffmpeg", "libavcodec", "opencv"} <= set(versions)
    assert all(versions.values())
