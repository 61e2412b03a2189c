"""The frames that were chosen are the frames that are read, whatever the container and the codec."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

from dst_robustness.datasets.decoding import frame_indices, read_clip  # noqa: E402

FRAMES = 60
HEIGHT, WIDTH = 64, 96


def numbered(number: int) -> np.ndarray:
    """Draw a frame that tells its number: tens in the upper half, units in the lower."""
    frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    frame[: HEIGHT // 2], frame[HEIGHT // 2 :] = 20 + 30 * (number // 10), 20 + 22 * (number % 10)
    return frame


def number_of(frame: np.ndarray) -> int:
    tens, units = (frame[rows].mean() for rows in (slice(8, 24), slice(40, 56)))
    return 10 * round((tens - 20) / 30) + round((units - 20) / 22)


def write(
    path: Path,
    codec: str,
    *,
    b_frames: int = 2,
    pixels: str = "yuv420p",
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    second: bool = False,
) -> Path:
    """Write 60 numbered frames; ``second`` adds a second video stream, which counts otherwise."""
    with av.open(str(path), "w", options=container or {}) as file:
        try:
            stream = file.add_stream(codec, rate=25, options=options or {})
        except ValueError:
            pytest.skip(f"FFmpeg was built without {codec}")
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, pixels
        if codec.startswith(("libx26", "mpeg", "wmv")):
            stream.max_b_frames, stream.gop_size = b_frames, 12
        if codec not in ("libx265", "gif"):
            stream.bit_rate = 2_000_000
        streams = [stream]
        if second:
            other = file.add_stream("mpeg4", rate=25)
            other.height, other.width, other.pix_fmt = HEIGHT, WIDTH, "yuv420p"
            streams.append(other)
        for place in range(FRAMES):
            for shift, one in enumerate(streams):
                frame = av.VideoFrame.from_ndarray(numbered((place + 30 * shift) % FRAMES), "rgb24")
                if times is not None:
                    frame.pts, frame.time_base = times[place], Fraction(1, 25)
                file.mux(one.encode(frame))
        for one in streams:
            file.mux(one.encode())
    return path


def assert_right(path: Path, shown: list[int]) -> None:
    """Compare what is read with the numbers of the frames that a full decode shows, for every way of choosing."""
    for sampling, clips in (("uniform", 1), ("dense", 1), ("uniform", 3)):
        wanted = [shown[i] for i in frame_indices(len(shown), 8, sampling=sampling, clips=clips)]
        clip = read_clip(path, frames=8, size=HEIGHT, sampling=sampling, clips=clips)
        assert [number_of(frame) for frame in clip] == wanted, (path.name, sampling, clips)


X265 = "log-level=none:keyint=8:min-keyint=8"
FORMATS = {
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg4_without_b.avi": {"codec": "mpeg4", "b_frames": 0},
    "mpeg4.mp4": {"codec": "mpeg4"},
    "mpeg4.mkv": {"codec": "mpeg4"},
    "h264.avi": {"codec": "libx264"},
    "h264.mp4": {"codec": "libx264"},
    "h264.flv": {"codec": "libx264"},
    "h264.ts": {"codec": "libx264"},
    "h264_open.mkv": {"codec": "libx264", "options": {"x264-params": "open-gop=1:keyint=12:bframes=3"}},
    "h264_in_pieces.mp4": {"codec": "libx264", "container": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": X265 + ":open-gop=0"}},
    "hevc_open.mp4": {"codec": "libx265", "options": {"x265-params": X265 + ":open-gop=1"}},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "mpeg2.vob": {"codec": "mpeg2video"},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "wmv.wmv": {"codec": "wmv2", "b_frames": 0},
    "vp8.webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "prores.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
    "gif.gif": {"codec": "gif", "pixels": "rgb8"},
    "uneven.mp4": {"codec": "libx264", "times": [i + 5 * (i // 7) for i in range(FRAMES)]},
    "uneven.avi": {"codec": "mpeg4", "b_frames": 0, "times": [i + 5 * (i // 7) for i in range(FRAMES)]},
    "late_start.ts": {"codec": "libx264", "times": [10_000 + i for i in range(FRAMES)]},
    "late_start.mp4": {"codec": "libx264", "times": [100 + i for i in range(FRAMES)]},
    "two_streams.mkv": {"codec": "libx264", "second": True},
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_chosen_frames_are_read(tmp_path: Path, name: str) -> None:
    """A reader that seeks returns others here, without a word."""
    assert_right(write(tmp_path / name, **FORMATS[name]), list(range(FRAMES)))


@pytest.mark.parametrize(("first", "count"), [(10, 40), (15, 20), (37, 10)])
def test_an_edit_list_shows_a_part(tmp_path: Path, first: int, count: int) -> None:
    """What a phone cut off is still in the file, before and after what is shown, and is no damage."""
    path = write(tmp_path / "cut.mp4", "libx264")
    data = bytearray(path.read_bytes())
    entry, scales = data.index(b"elst") + 12, (data.index(b"mvhd") + 16, data.index(b"mdhd") + 16)
    movie, media = (struct.unpack_from(">I", data, place)[0] for place in scales)
    start = struct.unpack_from(">Ii", data, entry)[1]
    struct.pack_into(">Ii", data, entry, count * movie // 25, start + first * media // 25)
    path.write_bytes(data)
    assert_right(path, list(range(first, first + count)))


@pytest.mark.parametrize(("name", "codec"), [("cut.ts", "libx264"), ("cut.mpg", "mpeg2video"), ("cut.avi", "mpeg4")])
def test_of_a_truncated_file_what_is_there_counts(tmp_path: Path, name: str, codec: str) -> None:
    """The frames left are numbered from the first one to the last one that can be decoded."""
    path = write(tmp_path / name, codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with av.open(str(path)) as file:
        shown = [number_of(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    assert 30 < len(shown) < FRAMES
    assert_right(path, shown)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, -1, 0), lambda clip: np.rot90(clip, -1, axes=(1, 2))),
        ((-1, 0, 0, -1), lambda clip: clip[:, ::-1, ::-1]),
        ((0, -1, 1, 0), lambda clip: np.rot90(clip, 1, axes=(1, 2))),
        ((-1, 0, 0, 1), lambda clip: clip[:, :, ::-1]),
    ],
    ids=["quarter", "half", "three quarters", "mirrored"],
)
def test_a_turned_or_mirrored_video_comes_as_it_is_shown(tmp_path: Path, matrix: tuple[int, ...], turned) -> None:
    """Phones write how they were held into the header, and some mirror what the front camera sees."""
    path = write(tmp_path / "a.mp4", "libx264")
    upright = read_clip(path, frames=4, size=32)
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    np.testing.assert_array_equal(read_clip(path, frames=4, size=32), turned(upright))
