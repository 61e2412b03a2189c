"""Coded streams: what is lost, what is damaged, and that severity costs quality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("av")

from dst_robustness.corruptions import VIDEO_CORRUPTIONS, corrupt_clips
from dst_robustness.corruptions.video import stream
from dst_robustness.corruptions.video.codec import NOTHING_RECEIVED, decode, encode, join_units, split_units

KEY = np.uint64(1)


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """A soft texture that moves, uint8 [16, 48, 64, 3]."""
    generator = np.random.default_rng(0)
    coarse = np.kron(generator.integers(60, 196, (9, 14)), np.ones((6, 6)))
    wide = (coarse[..., None] * np.array([1.2, 1.0, 0.7])).astype(np.uint8)
    return np.stack([wide[:48, t : t + 64] for t in range(16)])


def error(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second).mean())


def test_a_good_stream_brings_every_frame_back_in_place(clip: np.ndarray) -> None:
    """At high quality what comes out is what went in, frame by frame, odd sides included, for every codec."""
    for codec, options in (
        ("libx264", {"crf": "5"}),
        ("libx265", {"crf": "5"}),
        ("mpeg2video", {"qmin": "1", "qmax": "1"}),
    ):
        for part in (clip, clip[:, :33, :35]):
            out = decode(encode(part, codec, options))
            assert out.shape == part.shape
            for t in range(16):
                nearest = int(np.argmin([error(out[t], frame) for frame in part]))
                assert nearest == t
            assert error(out, part) < 6


def test_units_are_divided_and_joined_without_loss(clip: np.ndarray) -> None:
    """Splitting at start codes and joining again keeps the stream decodable to the same pixels."""
    whole = encode(clip, "libx264", {"crf": "23"})
    assert all(unit[0] & 31 in (1, 5) for packet in whole.packets for unit in split_units(packet))  # slices only
    again = replace(whole, packets=tuple(join_units(split_units(packet)) for packet in whole.packets))
    np.testing.assert_array_equal(decode(again), decode(whole))


def test_no_loss_and_no_error_change_nothing(clip: np.ndarray) -> None:
    """With a share of zero the damaged stream is the stream."""
    whole = encode(clip, "libx264", {"crf": "23"})
    assert stream._lose_packets(whole, 100, 0.0, KEY).packets == tuple(
        join_units(split_units(packet)) for packet in whole.packets
    )
    assert stream._damage_bytes(whole, 0.0, KEY) == whole


def test_lost_packets_cut_units_and_the_share_is_right(clip: np.ndarray) -> None:
    """A unit ends before its first lost packet; with 30% lost, 30% of first packets and so of units are gone."""
    whole = encode(np.tile(clip, (4, 1, 1, 1)), "libx264", {"crf": "18", "x264-params": "mbtree=0"})
    units = [unit for packet in whole.packets for unit in split_units(packet)]
    gone = 0
    for key in range(30):
        lossy = stream._lose_packets(whole, 40, 0.3, np.uint64(key))
        left = [split_units(packet) for packet in lossy.packets]
        gone += sum(1 for packet in left if not packet)
        for packet, original in zip(left, units, strict=True):
            if packet:
                assert original.startswith(packet[0][: len(packet[0]) // 40 * 40])
    assert abs(gone / (30 * len(units)) - 0.3) < 0.03


def test_damaged_bytes_are_as_many_as_asked(clip: np.ndarray) -> None:
    """One byte in fifty, evenly over the stream, lengths unchanged."""
    whole = encode(np.tile(clip, (2, 1, 1, 1)), "libx264", {"crf": "10"})
    damaged = stream._damage_bytes(whole, 0.02, KEY)
    assert [len(p) for p in damaged.packets] == [len(p) for p in whole.packets]
    before, after = (np.frombuffer(b"".join(s.packets), np.uint8) for s in (whole, damaged))
    assert 0.015 < (before != after).mean() < 0.025


def test_lost_frames_show_the_one_before(clip: np.ndarray) -> None:
    """The rule for what cannot be decoded: hold; before the first frame, that one; nothing at all, grey."""
    intra = encode(clip, "libx264", {"crf": "10", "g": "1"})  # every frame on its own, so a loss stays local
    whole = decode(intra)

    def without(*lost: int) -> np.ndarray:
        packets = tuple(b"" if t in lost else packet for t, packet in enumerate(intra.packets))
        return decode(replace(intra, packets=packets))

    np.testing.assert_array_equal(without(5, 6)[4:8], whole[[4, 4, 4, 7]])
    np.testing.assert_array_equal(without(0, 1)[:3], whole[[2, 2, 2]])
    assert (without(*range(16)) == NOTHING_RECEIVED).all()
    noise = tuple(bytes(range(256)) for _ in intra.packets)
    assert decode(replace(intra, packets=noise)).shape == clip.shape


@pytest.mark.parametrize("name", ["h264_crf", "h265_crf", "h264_abr", "h265_abr", "mpeg1", "mpeg2"])
def test_compression_costs_more_at_higher_severity(clip: np.ndarray, name: str) -> None:
    """Severity 5 is further from the clip than 1, and 3 not better than 1."""
    errors = [error(corrupt_clips(clip[None], name, severity)[0], clip) for severity in (1, 3, 5)]
    assert errors[0] < errors[2]
    assert errors[0] <= errors[1] * 1.05


@pytest.mark.parametrize("name", ["packet_loss", "bit_error"])
def test_damage_grows_with_severity(clip: np.ndarray, name: str) -> None:
    """Over many clips severity 5 hurts more than 1; some clips escape at 1, as on a real line."""
    clips = np.stack([clip] * 24)
    source = corrupt_clips(clip[None], "h264_crf", 1)[0]
    mild, strong = (corrupt_clips(clips, name, severity) for severity in (1, 5))
    assert np.mean([error(c, clip) for c in mild]) < np.mean([error(c, clip) for c in strong])
    assert any((c == source).all() for c in mild)
    assert any((c != source).any() for c in mild)


def test_frame_rate_keeps_the_published_share(clip: np.ndarray) -> None:
    """Short clips: 10 8 6 4 2 of 12 frames a second; of 16 frames 13, 11, 8, 6, 3 are seen, the rest held."""
    for severity, expected in zip((1, 2, 3, 4, 5), (13, 11, 8, 6, 3), strict=True):
        out = corrupt_clips(clip[None], "frame_rate", severity)[0]
        changes = sum((a != b).any() for a, b in zip(out[1:], out[:-1], strict=True))
        assert changes + 1 == expected


def test_bit_rate_follows_the_source(clip: np.ndarray) -> None:
    """Half the bit rate of the source is met within a third, where there is enough to spend."""
    big = np.tile(clip, (4, 3, 3, 1))
    noisy = big ^ np.random.default_rng(0).integers(0, 16, big.shape, dtype=np.uint8)
    source = encode(noisy, "libx264", {"crf": "23"})
    for codec in ("libx264", "libx265"):
        half = encode(noisy, codec, stream._bit_rate(noisy, 2))
        assert 0.33 < half.size / source.size < 0.67


@pytest.mark.parametrize("name", [name for name, one in VIDEO_CORRUPTIONS.items() if one.category == "stream"])
def test_a_stream_keeps_its_frames_in_their_places(name: str) -> None:
    """A frame that tells its number comes out at its place; only what is lost shows the one before."""
    numbers = np.arange(16)
    clip = np.broadcast_to((20 + 14 * numbers)[:, None, None, None], (16, 96, 128, 3)).astype(np.uint8)
    out = corrupt_clips(clip[None], name, 1)[0]
    found = np.rint((out.reshape(16, -1).mean(axis=1) - 20) / 14).astype(int)
    if name in ("packet_loss", "bit_error", "frame_rate"):
        assert (found <= numbers).all()
        assert (np.diff(found) >= 0).all()
        assert len(set(found)) > 8
    else:
        assert found.tolist() == numbers.tolist()
