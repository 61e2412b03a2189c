"""Time and camera: eight frames that carry their number, and the exact expected order."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from dst_robustness.corruptions import corrupt_clips
from dst_robustness.corruptions.random import stream_keys
from dst_robustness.corruptions.video import camera, temporal
from dst_robustness.corruptions.video.rain import rain

NO_KEYS = np.zeros(1, np.uint64)


def numbered(frames: int) -> np.ndarray:
    """Return a clip [1, frames, 2, 2, 3] whose frame t has the value t."""
    return np.broadcast_to(np.arange(frames, dtype=np.uint8)[None, :, None, None, None], (1, frames, 2, 2, 3)).copy()


def order(clips: np.ndarray) -> list[int]:
    return clips[0, :, 0, 0, 0].tolist()


def test_sampling_holds_and_reverse_sampling_plays_backwards() -> None:
    """Every second of eight frames."""
    assert order(temporal.sampling(numbered(8), NO_KEYS, 2)) == [0, 0, 2, 2, 4, 4, 6, 6]
    assert order(temporal.reverse_sampling(numbered(8), NO_KEYS, 2)) == [6, 6, 4, 4, 2, 2, 0, 0]
    assert order(temporal.sampling(numbered(8), NO_KEYS, 32)) == [0] * 8


def test_motion_blur_averages_from_c_before_to_c_minus_one_after() -> None:
    """Window of 2c = 4 frames i-2..i+1, cut at the ends, fractions cut off."""
    clip = numbered(8) * 10
    #      0,1      0,1,2  0..3  1..4  2..5  3..6  4..7  5,6,7
    assert order(temporal.motion_blur(clip, NO_KEYS, 9, 2)) == [5, 10, 15, 25, 35, 45, 55, 60]


def test_motion_blur_of_long_clips_has_the_kinetics_window() -> None:
    """From 32 frames on the first constant counts: a flash spreads over 2c frames."""
    clip = np.zeros((1, 40, 2, 2, 3), np.uint8)
    clip[0, 20] = 240
    assert np.count_nonzero(order(temporal.motion_blur(clip, NO_KEYS, 6, 1))) == 12


def test_jumble_keeps_segments_and_box_jumble_keeps_their_inside() -> None:
    """Shuffled inside segments of four; whole segments of three shuffled, the last one shorter."""
    seen = set()
    for key in range(20):
        keys = np.array([key], np.uint64)
        got = order(temporal.jumble(numbered(8), keys, 4))
        assert sorted(got[:4]) == [0, 1, 2, 3]
        assert sorted(got[4:]) == [4, 5, 6, 7]
        seen.add(tuple(got))
        boxes = order(temporal.box_jumble(numbered(8), keys, 3))
        text = "".join(map(str, boxes))
        assert sorted(boxes) == list(range(8))
        assert all(box in text for box in ("012", "345", "67"))
    assert len(seen) > 15


def test_box_jumble_never_leaves_a_clip_in_one_piece() -> None:
    """Segments longer than half the clip are cut to half of it."""
    orders = {tuple(order(temporal.box_jumble(numbered(8), np.array([k], np.uint64), 36))) for k in range(20)}
    assert orders == {(0, 1, 2, 3, 4, 5, 6, 7), (4, 5, 6, 7, 0, 1, 2, 3)}


def test_freeze_holds_each_kept_frame_until_the_next() -> None:
    """int(.4 x 10) = 4 frames are kept, in order, and held; the first fills the start."""
    for key in range(20):
        got = order(temporal.freeze(numbered(10), np.array([key], np.uint64), 0.4, 1))
        kept = sorted(set(got))
        assert len(kept) == 4
        assert got == [max([k for k in kept if k <= t], default=kept[0]) for t in range(10)]
    assert len(set(order(temporal.freeze(numbered(10), NO_KEYS, 0, 1)))) == 1


def test_quarter_turn_is_exact() -> None:
    """Severity 5 of static_rotate is 90 degrees anticlockwise."""
    generator = np.random.default_rng(0)
    clips = generator.integers(0, 256, (1, 2, 6, 6, 3), dtype=np.uint8)
    np.testing.assert_array_equal(corrupt_clips(clips, "static_rotate", 5), np.rot90(clips, axes=(2, 3)))


def test_rotation_agrees_with_pillow() -> None:
    """Pillow's default (nearest pixel, black corners), which the benchmark used, but for ties in the last digit."""
    image_module = pytest.importorskip("PIL.Image")
    frame = np.random.default_rng(0).integers(0, 256, (32, 24, 3), dtype=np.uint8)
    for degrees in (7.5, 15.0, 30.0, 45.0, -13.0):
        expected = np.asarray(image_module.fromarray(frame).rotate(degrees))
        got = camera.static_rotate(frame[None, None], NO_KEYS, degrees)[0, 0]
        assert (got == expected).all(axis=-1).mean() > 0.995


def test_shaking_stays_within_its_angle() -> None:
    """Angles are whole degrees, both signs, at most 6s + 1."""
    clip = np.zeros((1, 64, 33, 33, 3), np.uint8)
    clip[:, :, 16, :] = 255  # a level line through the centre
    out = camera.rotate(clip, np.array([9], np.uint64), 31)[0, ..., 0] > 0
    rows = [np.flatnonzero(frame[:, 30]).mean() if frame[:, 30].any() else np.nan for frame in out]
    slopes = np.degrees(np.arctan2(16 - np.array(rows), 14))
    assert np.nanmax(np.abs(slopes)) < 35
    assert np.nanmin(slopes) < -10
    assert np.nanmax(slopes) > 10


def test_translate_moves_all_frames_alike_within_its_range() -> None:
    """At severity 5 the corner lies 0-39 pixels in, 16 is the centre: a 224-pixel frame moves by -16..23."""
    clip = np.zeros((1, 2, 224, 224, 3), np.uint8)
    clip[:, :, 100, 120] = 255
    moves = []
    for key in range(40):
        out = camera.translate(clip, np.array([key], np.uint64), 40)[0, ..., 0]
        places = np.argwhere(out)
        assert places[0, 1:].tolist() == places[1, 1:].tolist()
        moves.append((100 - places[0, 1], 120 - places[0, 2]))
    assert np.min(moves) >= -16
    assert np.max(moves) <= 23
    assert np.ptp(moves) > 30


def test_rain_wets_the_published_share_at_any_size() -> None:
    """Length / spacing of the pixels are drops, less what overlaps or leaves the frame, at 224 and at 64 pixels."""
    keys = stream_keys(0, "rain", 3, 0, 4)
    for side in (224, 64):
        black = np.zeros((4, side, side, 3), np.uint8)
        share = (rain(black, keys, 770, 60, 1.0) > 0).any(axis=-1).mean()
        assert 0.06 < share < 61 / 770 * 1.05


def test_rain_is_thin_grey_and_pulls_contrast() -> None:
    """On black a drop is at most its own grey, blurred by a 3 x 3 box; without drops only contrast changes."""
    wet = rain(np.zeros((1, 64, 64, 3), np.uint8), np.array([3], np.uint64), 770, 60, 1.0)
    assert 0 < wet.max() <= 220 * 220 / 255
    half = np.zeros((1, 32, 32, 3), np.uint8)
    half[:, 16:] = 200
    out = rain(half, np.array([3], np.uint64), 1e9, 1, 0.5)  # one drop, two pixels long
    values, counts = np.unique(out[..., 0], return_counts=True)
    assert set(values[np.argsort(counts)[-2:]]) <= {49, 50, 51, 149, 150, 151}
