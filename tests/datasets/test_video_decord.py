"""decord reads MPEG-4 in AVI exactly as PyAV does, and nothing of which it would give other frames or colours."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from fractions import Fraction
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

av = pytest.importorskip("av")

from dst_robustness.datasets import decoding, decord_reader  # noqa: E402
from dst_robustness.datasets.decoding import read_clip  # noqa: E402

if decord_reader.decord_version() is None:
    pytest.skip("decord2 is not installed", allow_module_level=True)

FRAMES = 30
PIXELS = {"mjpeg": "yuvj420p"}


Packets = list[tuple[bytes, int, bool]]  # each with when its frame is shown, and whether it stands alone


def encoded(codec: str = "mpeg4", sides: tuple[int, int] = (64, 96), *, b_frames: int = 0) -> Packets:
    """Encode a bar that wanders; the packets hold the headers of the codec."""
    context = av.CodecContext.create(codec, "w")
    context.height, context.width, context.pix_fmt = *sides, PIXELS.get(codec, "yuv420p")
    context.time_base, context.framerate = Fraction(1, 25), 25
    context.gop_size, context.max_b_frames, context.bit_rate = 12, b_frames, 1_000_000
    packets = []
    for time in range(FRAMES):
        image = np.full((*sides, 3), (40, 90, 160), np.uint8)
        image[:, 18 + 2 * time : 27 + 2 * time] = (250, 120, 10)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = time, Fraction(1, 25)
        packets += context.encode(frame)
    return [(bytes(one), one.pts, one.is_keyframe) for one in packets + context.encode(None)]


def write(path: Path, packets: Packets, codec: str = "mpeg4", sides: tuple[int, int] = (64, 96)) -> Path:
    """Write packets at even times, so that the count in the header does not tell of one that is missing."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *sides, PIXELS.get(codec, "yuv420p")
        for place, (data, _, stands_alone) in enumerate(packets):
            packet = av.Packet(data)
            packet.pts = packet.dts = place
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, stands_alone
            container.mux(packet)
    return path


def no_frame(time: int) -> bytes:
    """Return a packet of MPEG-4 that says of its time: a frame that is predicted, and not coded."""
    return b"\0\0\1\xb6" + int(f"010{time % 25:05b}10011111", 2).to_bytes(2, "big")


def packed(packets: Packets) -> Packets:
    """Pack as DivX does: each B-frame joins the packet before it, and a packet without a frame takes its place."""
    joined: Packets = []
    for data, shown, stands_alone in packets:
        if joined and shown < joined[-1][1]:
            before = joined.pop()
            joined += [(before[0] + data, *before[1:]), (no_frame(before[1]), before[1], False)]
        else:
            joined.append((data.replace(b"\0\0\1\xb3", b"\0\0\1\xb2DivX503b1393p\0\0\1\xb3"), shown, stands_alone))
    return joined


def by_pyav(path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setattr(decord_reader, "suits", lambda *_: False)
        return read_clip(path, frames=FRAMES, size=64)


MPEG4 = {
    "without B-frames": lambda: encoded(),
    "B-frames": lambda: encoded(b_frames=2),
    "packed B-frames": lambda: packed(encoded(b_frames=1)),
}


@pytest.mark.parametrize("kind", MPEG4)
def test_mpeg4_in_avi_is_read_by_decord_as_by_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Every frame to the last bit; PyAV's road is closed meanwhile, so that it cannot step in."""
    path = write(tmp_path / "a.avi", MPEG4[kind]())
    expected = by_pyav(path, monkeypatch)
    assert len(np.unique(expected, axis=0)) > FRAMES - 3
    monkeypatch.setattr(decoding, "_take", None)
    np.testing.assert_array_equal(read_clip(path, frames=FRAMES, size=64), expected)


OTHERS = {
    "H.264.avi": {"packets": lambda: encoded("libx264"), "codec": "libx264"},
    "MJPEG.avi": {"packets": lambda: encoded("mjpeg"), "codec": "mjpeg"},
    "another container.mp4": {"packets": encoded},
    "another container.mkv": {"packets": encoded},
    "odd sides.avi": {"packets": lambda: encoded(sides=(65, 97)), "sides": (65, 97)},
    "new size on the way.avi": {"packets": lambda: encoded() + encoded(sides=(96, 96))},
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_decord_may_get_wrong_is_read_by_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """decord gives other colours or frames of some of these, without a word; it is not even asked."""
    options = dict(OTHERS[name])
    path = write(tmp_path / name, options.pop("packets")(), **options)
    expected = by_pyav(path, monkeypatch)
    monkeypatch.setattr(decord_reader, "frames", None)
    np.testing.assert_array_equal(read_clip(path, frames=FRAMES, size=64), expected)


def test_a_cut_file_is_read_by_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header promises more frames than there are packets."""
    path = write(tmp_path / "a.avi", encoded(b_frames=2))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"movi") + (data.rindex(b"idx1") - data.index(b"movi")) * 3 // 4])
    expected = by_pyav(path, monkeypatch)
    monkeypatch.setattr(decord_reader, "frames", None)
    np.testing.assert_array_equal(read_clip(path, frames=FRAMES, size=64), expected)


@pytest.mark.parametrize(("place", "what"), [(4, "recovered from nearest frames"), (0, "StopIteration")])
def test_a_frame_that_does_not_come_hands_the_file_to_pyav(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, what: str
) -> None:
    """Others need the frame of the packet that is missing: decord would repeat one for each; the first one stops it."""
    packets = encoded(b_frames=2)
    path = write(tmp_path / "a.avi", packets[:place] + packets[place + 1 :])
    with pytest.raises(decord_reader.NotReadError, match=what):
        list(decord_reader.frames(str(path), count=len(packets) - 1, height=64, width=96))
    np.testing.assert_array_equal(read_clip(path, frames=FRAMES, size=64), by_pyav(path, monkeypatch))


def test_frames_of_another_shape_hand_the_file_to_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """decord takes the padding of rows of 48 pixels for pixels."""
    path = write(tmp_path / "a.avi", encoded(sides=(48, 48)), sides=(48, 48))
    np.testing.assert_array_equal(read_clip(path, frames=FRAMES, size=64), by_pyav(path, monkeypatch))


def test_damage_gives_what_pyav_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Twelve files with damage anywhere behind the header; FFmpeg's hundred lines on it stay out of the log."""
    whole = write(tmp_path / "whole.avi", encoded(b_frames=2)).read_bytes()
    generator = np.random.default_rng(0)
    for count in (1, 3, 10) * 4:
        data = bytearray(whole)
        for place in generator.integers(data.index(b"movi"), len(data), count):
            data[place] = generator.integers(256)
        path = tmp_path / "damaged.avi"
        path.write_bytes(data)
        np.testing.assert_array_equal(read_clip(path, frames=FRAMES, size=64), by_pyav(path, monkeypatch))
    assert "mpeg4" not in capfd.readouterr().err


def test_import_loads_no_other_libraries_and_shows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVIDIA's wheels stay out, and decord's own libraries are not found by what is loaded later."""
    (tmp_path / "nvidia").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    shown, seen = ctypes.RTLD_GLOBAL, []
    assert importlib.util.find_spec("nvidia")
    assert shown != ctypes.RTLD_LOCAL

    def load(name: str) -> Mock:
        seen.extend([name, importlib.util.find_spec("nvidia"), ctypes.RTLD_GLOBAL])
        return Mock()

    with monkeypatch.context() as patch:
        patch.setattr(importlib, "import_module", load)
        decord_reader.load_decord.__wrapped__()
    assert seen == ["decord", None, ctypes.RTLD_LOCAL]
    assert importlib.util.find_spec("nvidia")
    assert shown == ctypes.RTLD_GLOBAL


def test_without_decord_pyav_reads_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attribute of a set names who read, and where there is no decord that is PyAV alone."""
    path = write(tmp_path / "a.avi", encoded())
    assert decoding.reader().startswith("decord ")
    assert "MPEG-4 in AVI, else PyAV " in decoding.reader()
    expected = read_clip(path, frames=FRAMES, size=64)
    monkeypatch.setattr(decord_reader, "decord_version", lambda: None)
    monkeypatch.setattr(decord_reader, "frames", None)
    assert decoding.reader().startswith("PyAV ")
    assert "decord" not in decoding.reader()
    np.testing.assert_array_equal(read_clip(path, frames=FRAMES, size=64), expected)
