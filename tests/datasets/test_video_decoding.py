"""Every kind of bad or odd video gives the right frames or one line that names the file, and never hangs."""

from __future__ import annotations

import struct
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

av = pytest.importorskip("av")
from dst_robustness.datasets.decoding import frame_indices, read_clip  # noqa: E402
from dst_robustness.sets.processes import ReadingProcesses  # noqa: E402

FRAMES = 12


def write_video(
    path: Path,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 96),
    pixels: str = "yuv420p",
    frames: int = FRAMES,
    times: list[int] | None = None,
    noise: int = 0,
) -> Path:
    """Write frames whose red grows to the right, green downwards and blue with time; noise makes the stream longer."""
    height, width = size
    generator = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, pixels
        for time in range(frames):
            picture = np.empty((height, width, 3), np.uint8)
            picture[..., 0] = np.linspace(0, 255, width)[None, :]
            picture[..., 1] = np.linspace(0, 255, height)[:, None]
            picture[..., 2] = 20 * time % 256
            picture ^= generator.integers(0, noise + 1, picture.shape, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[time], Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path: Path, frames: int = 4) -> np.ndarray:
    return read_clip(path, frames=frames, size=32)


def assert_is_gradient(clip: np.ndarray, times: list[int]) -> None:
    """Check a clip of the 64x96 gradient, cut to its central square: x from 16 to 80 of 96, y whole."""
    rows = np.linspace(0, 255, 32)
    np.testing.assert_allclose(clip[0, :, 16, 1], rows, atol=16)
    np.testing.assert_allclose(clip[0, 16, :, 0], np.linspace(43, 212, 32), atol=16)
    np.testing.assert_allclose(clip[:, 16, 16, 2], [20 * time for time in times], atol=16)


def test_uniform_takes_the_middle_of_equal_parts_and_dense_wraps() -> None:
    """The two samplings on numbers that can be checked by hand."""
    assert frame_indices(8, 4).tolist() == [1, 3, 5, 7]
    assert frame_indices(2, 4).tolist() == [0, 0, 1, 1]
    assert frame_indices(10, 3, sampling="dense", stride=2).tolist() == [3, 5, 7]
    assert frame_indices(3, 4, sampling="dense", stride=2).tolist() == [0, 2, 1, 0]
    with pytest.raises(ValueError, match="uniform, dense"):
        frame_indices(8, 4, sampling="sparse")


def test_several_clips_are_evenly_spread_over_the_video() -> None:
    """By hand: two uniform clips share each of four parts of four frames, two dense ones the seven free starts."""
    assert frame_indices(16, 4, clips=2).tolist() == [1, 5, 9, 13, 3, 7, 11, 15]
    assert frame_indices(11, 3, sampling="dense", stride=2, clips=2).tolist() == [1, 3, 5, 5, 7, 9]
    assert frame_indices(2, 2, sampling="dense", clips=2).tolist() == [0, 0, 0, 0]


def test_clip_follows_clip(tmp_path: Path) -> None:
    """The frames of the first clip come first, then those of the second."""
    path = write_video(tmp_path / "a.mp4")
    assert_is_gradient(read_clip(path, frames=2, size=32, clips=2), [1, 7, 4, 10])


@pytest.mark.parametrize(
    "kind",
    [
        {"name": "plain.mp4"},
        {"name": "divx.avi", "codec": "mpeg4"},
        {"name": "ten_bit.mp4", "pixels": "yuv420p10le"},
        {"name": "full_colour.mkv", "pixels": "yuv444p"},
    ],
    ids=lambda kind: kind["name"],
)
def test_ordinary_videos_give_their_frames(tmp_path: Path, kind: dict) -> None:
    """Containers, codecs and bit depths do not change what is seen."""
    path = write_video(tmp_path / kind.pop("name"), **kind)
    assert_is_gradient(read(path), [1, 4, 7, 10])


def test_frames_of_uneven_times_count_as_they_come(tmp_path: Path) -> None:
    """A variable frame rate neither drops nor repeats a frame."""
    path = write_video(tmp_path / "uneven.mp4", times=[0, 1, 2, 3, 4, 5, 30, 60, 90, 91, 92, 93])
    assert_is_gradient(read(path), [1, 4, 7, 10])


def test_odd_sides_and_narrow_frames_are_read(tmp_path: Path) -> None:
    """33 and 48 wide, with rows that FFmpeg pads in memory."""
    for size in ((65, 97), (35, 33), (48, 48)):
        path = write_video(tmp_path / f"{size[1]}.mp4", size=size, pixels="yuv444p")
        clip = read(path)
        np.testing.assert_allclose(clip[0, :, 16, 1], np.linspace(0, 255, 32), atol=20)
        np.testing.assert_allclose(clip[:, 16, 16, 2], [20, 80, 140, 200], atol=16)


def test_one_frame_is_repeated(tmp_path: Path) -> None:
    """A video of one frame becomes a clip that stands still."""
    clip = read(write_video(tmp_path / "one.mp4", frames=1))
    assert clip.shape == (4, 32, 32, 3)
    assert (clip == clip[0]).all()


@pytest.mark.parametrize("size", [(64, 96), (48, 48)])
def test_rotated_video_comes_upright(tmp_path: Path, size: tuple[int, int]) -> None:
    """A phone's quarter turn in the header is applied."""
    data = bytearray(write_video(tmp_path / "upright.mp4", size=size).read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, size[0] << 16, 0, 1 << 30)
    path = tmp_path / "turned.mp4"
    path.write_bytes(data)
    upright, turned = read(tmp_path / "upright.mp4"), read(path)
    # Clockwise by a quarter turn: what was left is above.
    assert np.abs(turned.astype(int) - np.rot90(upright, -1, axes=(1, 2))).mean() < 3


def test_damaged_stream_is_concealed(tmp_path: Path) -> None:
    """Damage in the image data still gives a clip."""
    data = bytearray(write_video(tmp_path / "whole.avi", codec="mpeg4", frames=30, noise=63).read_bytes())
    start = data.index(b"movi") + 2000
    generator = np.random.default_rng(0)
    for place in generator.integers(start, len(data) - 2000, 20):
        data[place] = generator.integers(256)
    path = tmp_path / "damaged.avi"
    path.write_bytes(data)
    clip, whole = read(path), read(tmp_path / "whole.avi")
    assert (clip != whole).any()
    assert np.abs(clip.astype(int) - whole).mean() < 40


def bad_files(folder: Path) -> dict[str, str]:
    """Write files that are no usable video, and return what must be said of each."""
    whole = write_video(folder / "whole.mp4").read_bytes()
    long = write_video(folder / "long.avi", codec="mpeg4", frames=60, noise=63).read_bytes()
    huge = bytearray(write_video(folder / "huge_source.avi", codec="ffv1", pixels="bgr0").read_bytes())
    size = huge.index(b"strf") + 12
    huge[size : size + 8] = struct.pack("<2i", 12_000, 9_000)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video\n" * 500)
    write_video(folder / "part.ts")
    (folder / "parts.mp4").write_text("ffconcat version 1.0\nfile part.ts\n")
    (folder / "playlist.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2.4,\npart.ts\n#EXT-X-ENDLIST\n")
    (folder / "image.avi").write_bytes(cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))[1].tobytes())
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.avi").write_bytes(long[: len(long) // 3])
    (folder / "huge_table.mp4").write_bytes(
        whole.replace(b"stsz" + bytes(8), b"stsz" + bytes(8) + b"\x7f")[: len(whole)]
    )
    (folder / "huge_sides.avi").write_bytes(huge)
    (folder / "unknown.avi").write_bytes(long.replace(b"FMP4", b"1234"))
    with av.open(str(folder / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return {
        "missing.mp4": "no such file",
        "empty.mp4": "empty",
        "text.mp4": "not a video",
        "cut.mp4": "not a video",
        "parts.mp4": "not a video",
        "playlist.mp4": "not a video",
        "image.avi": "not a video",
        "cut.avi": "truncated or damaged",
        "huge_table.mp4": "",
        "huge_sides.avi": "8192|not a video|truncated or damaged",
        "unknown.avi": "codec that FFmpeg does not know",
        "sound.mp4": "no video stream",
    }


def test_bad_files_are_named_with_the_reason(tmp_path: Path) -> None:
    """Each kind of bad file is a ValueError of one line with its name, from a process that goes on afterwards."""
    expected = bad_files(tmp_path)
    with ReadingProcesses(1) as processes:
        for name, reason in expected.items():
            with pytest.raises(ValueError, match=f"{name}.*({reason})") as caught:
                processes.run(call(tmp_path / name), 30)
            assert "\n" not in str(caught.value)
        assert_is_gradient(processes.run(call(tmp_path / "whole.mp4"), 30), [1, 4, 7, 10])


def call(path: Path) -> partial:
    return partial(read_clip, path, frames=4, size=32)
