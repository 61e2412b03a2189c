"""Video: reading a clip by several roads, the cost of every corruption, and the memory of a preparation.

    python benchmarks/video.py            # all three, a few minutes on one core
    python benchmarks/video.py reading    # PyAV, decord (where installed), JPEG frames in HDF5: the same videos
    python benchmarks/video.py corrupting # milliseconds a clip of 16 frames, at 32 and 112 pixels
    python benchmarks/video.py preparing  # peak memory and videos a second, for 100 and 400 videos

The readers take turns on each video, each figure is a median, and ratios are medians of the ratios of one turn.
Videos are made on the spot in the format of UCF101: MPEG-4 in AVI, 320x240, 25 frames a second, 7 seconds.

Measured for one such clip on two cores that had other work too (12 videos, 5 turns): ``read_clip`` by PyAV 76 ms, 60 of
them on a core; by decord 123 ms, 83 of them on a core. In order decord converts every frame to RGB, PyAV those that are
taken. decord with its seeking takes 79 ms, and gives other frames than those asked for in many formats.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import av
import h5py
import numpy as np

from dst_robustness.corruptions import VIDEO_CORRUPTIONS, corrupt_clips
from dst_robustness.datasets import DATASETS, acquire, decord_reader, prepare
from dst_robustness.datasets.decoding import _square, frame_indices, read_clip
from dst_robustness.datasets.moving_digits import texture
from dst_robustness.sets.storage import Samples, write_samples

FRAMES, SIZE, LENGTH = 16, 128, 175


def scene(generator: np.random.Generator, frames: int, height: int, width: int) -> np.ndarray:
    """Draw a natural texture over which the camera moves, uint8 [frames, height, width, 3]."""
    wide = texture(generator, 2 ** int(np.ceil(np.log2(max(height, width) + frames)))).astype(np.uint8)
    return np.stack([wide[t // 2 : t // 2 + height, t : t + width] for t in range(frames)])


def write_video(path: Path, clip: np.ndarray) -> None:
    """Write a clip as UCF101 has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "5", "flags": "+qscale"})
        stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], "yuv420p"
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def reading(folder: Path, videos: int = 12, turns: int = 5) -> None:
    """Time 16 uniform frames of each video at 128 pixels by each road, the roads interleaved."""
    generator = np.random.default_rng(0)
    paths = [folder / f"{i}.avi" for i in range(videos)]
    for path in paths:
        write_video(path, scene(generator, LENGTH, 240, 320))
    clips = np.stack([read_clip(path, frames=FRAMES, size=SIZE) for path in paths])
    with h5py.File(folder / "clips.h5", "w") as file:
        write_samples(file, [clips], np.zeros(videos), jpeg_quality=90)
    with h5py.File(folder / "clips.h5") as file:
        stored = Samples(file)
        roads: dict[str, Callable[[int], object]] = {
            "PyAV": lambda i: resized(read_once_with_pyav(paths[i])),
            "read_clip by PyAV (counts before)": lambda i: read_clip_by_pyav(paths[i]),
            "JPEG frames in HDF5": lambda i: stored[i : i + 1],
        }
        if decord_reader.decord_version():
            roads["read_clip by decord, in order"] = lambda i: read_clip(paths[i], frames=FRAMES, size=SIZE)
            roads["decord, seeking (wrong frames in many formats)"] = lambda i: resized(read_seeking(paths[i]))
        times = {name: [] for name in roads}
        busy = {name: [] for name in roads}
        for turn in range(turns + 1):
            for i in range(videos):
                for name, road in roads.items():
                    before = time.process_time()
                    took = seconds(lambda road=road, i=i: road(i))
                    if turn:  # the first one warms up
                        times[name].append(took)
                        busy[name].append(time.process_time() - before)
    print(f"\n16 frames of a 7-second 320x240 MPEG-4 video at {SIZE} pixels ({videos} videos x {turns} turns)")
    for name, values in times.items():
        ratio = np.median(np.array(times["PyAV"]) / values)
        wall, cpu = 1e3 * np.median(values), 1e3 * np.median(busy[name])
        print(f"{name:46s} {wall:7.2f} ms a clip, {cpu:7.2f} ms of a core   {ratio:6.2f} x the speed of PyAV")


def read_once_with_pyav(path: Path) -> list[np.ndarray]:
    """Decode a video from the start and convert the frames wanted, trusting the header's count."""
    with av.open(str(path)) as container:
        wanted = set(frame_indices(container.streams.video[0].frames, FRAMES).tolist())
        return [f.to_ndarray(format="rgb24") for i, f in enumerate(container.decode(video=0)) if i in wanted]


def read_clip_by_pyav(path: Path) -> np.ndarray:
    with mock.patch.object(decord_reader, "suits", return_value=False):
        return read_clip(path, frames=FRAMES, size=SIZE)


def read_seeking(path: Path) -> list[np.ndarray]:
    """Read as decord's users commonly do."""
    video = decord_reader.load_decord().VideoReader(str(path), num_threads=1)
    return list(video.get_batch(frame_indices(len(video), FRAMES)).asnumpy())


def resized(frames: object) -> list[np.ndarray]:
    return [_square(frame, SIZE) for frame in frames]


def corrupting(turns: int = 5) -> None:
    """Time every corruption at severity 3 on clips of 16 frames."""
    generator = np.random.default_rng(0)
    sizes = {32: 16, 112: 4}
    clips = {side: np.stack([scene(generator, FRAMES, side, side) for _ in range(n)]) for side, n in sizes.items()}
    print("\nmilliseconds a clip of 16 frames, severity 3, one core (median of", turns, "turns)")
    print(f"{'corruption':20s} {'suite':12s} {'32 px':>8s} {'112 px':>8s}")
    for name, corruption in VIDEO_CORRUPTIONS.items():
        cells = []
        for side, batch in clips.items():
            corrupt_clips(batch[:1], name, 3)  # compiles
            took = [seconds(lambda batch=batch: corrupt_clips(batch, name, 3)) for _ in range(turns)]  # noqa: B023
            cells.append(f"{1e3 * np.median(took) / sizes[side]:8.2f}")
        print(f"{name:20s} {corruption.suite:12s} {' '.join(cells)}", flush=True)


def preparing(folder: Path) -> None:
    """Print peak memory and speed of preparing many videos, each count in a process of its own."""
    generator = np.random.default_rng(0)
    print("\npreparing 7-second 320x240 videos as 16 JPEG frames of 128 pixels, two decoding processes")
    for count in (100, 400):
        root = folder / str(count)
        source = root / "source.avi"
        write_video(source, scene(generator, LENGTH, 240, 320))
        for part, videos in (("train", count), ("val", 2)):
            for i in range(videos):
                (root / part / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
                shutil.copy(source, root / part / "ab"[i % 2] / f"{i}.avi")
        command = [sys.executable, __file__, "--one-preparation", str(root)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def one_preparation(root: Path) -> None:
    spec = replace(DATASETS["video_folder"], frames=FRAMES)
    acquire(spec, root / "raw", path=root)
    outputs = {split: root / f"{split}.h5" for split in ("train", "validation", "test")}
    took = seconds(lambda: prepare(spec, root / "raw", outputs, threads=2))
    count = len(list((root / "train").glob("*/*")))
    main, worker = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"{count:4d} videos: {count / took:5.1f} a second; peak memory {main:.0f} MB, each worker {worker:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("reading", "corrupting", "preparing"))
    parser.add_argument("--one-preparation", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_preparation:
        return one_preparation(options.one_preparation)
    with tempfile.TemporaryDirectory() as folder:
        if options.part in (None, "reading"):
            reading(Path(folder))
        if options.part in (None, "corrupting"):
            corrupting()
        if options.part in (None, "preparing"):
            preparing(Path(folder))


if __name__ == "__main__":
    main()
