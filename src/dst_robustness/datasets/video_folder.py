"""The user's own videos, and what all sets of videos on disk share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dst_robustness.datasets.layout import Part, find_layout, holds_samples
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, Split
from dst_robustness.datasets.walk import files_in, folders_in, shown

VIDEO_ENDINGS = (
    ".avi", ".mp4", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp", ".ts", ".mts", ".m2ts",
    ".vob", ".asf", ".ogv", ".gif",
)  # fmt: skip

# The statistics of Kinetics-400, with which networks for clips are usually trained.
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


@dataclass(frozen=True, kw_only=True)
class VideoSpec(DatasetSpec):
    """A data set of videos.

    Attributes:
        frames: T, the number of frames stored of each clip.
        sampling, stride: which frames, see ``decoding.frame_indices``.
        test_clips: number of clips taken from each test video, evenly spread. Other videos give one.
        official_split: number of the published division, 1-3. It means nothing for folders that are divided already.
        time_limit: seconds that decoding one file may take.
    """

    frames: int = 16
    sampling: str = "uniform"
    stride: int = 2
    test_clips: int = 1
    official_split: int = 1
    time_limit: float = 60.0
    damaged_limit: int = 20

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of a clip on which networks are evaluated, (T, H, W, 3)."""
        return (self.frames, self.image_size, self.image_size, 3)

    @property
    def reader(self) -> str:
        """What decodes the videos, with its version."""
        from dst_robustness.datasets.decoding import reader

        return reader()

    @property
    def resize(self) -> int:
        """Side of the stored training frames. From 112 pixels on there is the usual margin for random crops (128)."""
        return round(self.image_size * 8 / 7) if self.image_size >= 112 else self.image_size


Videos = list[tuple[Path, int]]  # each with its label


@dataclass(frozen=True)
class VideoSplit(Split):
    """A split whose samples are video files. ``paths`` are their files."""

    paths: tuple[Path, ...] = ()


def video_set(
    spec: VideoSpec, classes: tuple[str, ...], train: Videos, test: Videos, validation: Videos | None = None
) -> RawSet:
    """Make a set of videos, with the requested number of clips of each test video.

    Raises ValueError for a video that is in the training and in the test part.
    """
    training = {path for path, _ in train}
    if both := next((path for path, _ in test if path in training), None):
        raise ValueError(f"{shown(both)} is in the training part and in the test part; take it out of one list")
    own = _split(spec, validation, clips=1) if validation else None
    return RawSet(classes, _split(spec, train, clips=1), _split(spec, test, clips=spec.test_clips), own)


def _split(spec: VideoSpec, videos: Videos, *, clips: int) -> VideoSplit:
    from dst_robustness.datasets.decoding import read_clip  # here, so that listing data sets does not load FFmpeg

    files = [path for path, _ in videos]
    read = partial(
        read_clip, frames=spec.frames, size=spec.resize, sampling=spec.sampling, stride=spec.stride, clips=clips
    )

    def load(row: int) -> Callable[[], np.ndarray]:
        return partial(read, files[row])

    labels = np.array([label for _, label in videos], dtype=np.int64)
    return VideoSplit(labels, load, lambda row: shown(files[row]), clips, spec.time_limit, tuple(files))


def read_video_folder(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read a folder in one of the layouts of ``layout``, which include that of Kinetics."""
    assert isinstance(spec, VideoSpec)
    found = find_layout(folder_of(spec, acquired), VIDEO_ENDINGS)
    train, test, validation = (_videos(part) for part in (found.train, found.test, found.validation))
    return video_set(spec, found.classes, train, test, validation)


def _videos(part: Part | None) -> Videos:
    return [] if part is None else list(zip(part.files, part.labels.tolist(), strict=True))


def folder_of(spec: DatasetSpec, acquired: Acquired) -> Path:
    """Return the folder that holds the unpacked set, or raise ValueError."""
    if acquired.folder is None:
        raise ValueError(f"data set {spec.name}: {spec.instructions or 'give the folder of videos as path'}")
    return acquired.folder


def videos_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the videos of each class folder, both sorted by name; folders without a video are left out.

    Folders whose names are the same text in two Unicode forms are one class.
    """
    found: dict[str, list[Path]] = {}
    for path in folders_in(folder):
        found.setdefault(shown(path.name), []).extend(files_in(path, VIDEO_ENDINGS))
    return {name: found[name] for name in sorted(found) if found[name]}


def class_folders(root: Path) -> Path:
    """Return the folder, ``root`` or up to two below it, whose folders hold videos. Raises ValueError without one."""
    level = [root]
    for _ in range(3):
        for folder in level:
            if videos_by_class(folder):
                return folder
        level = [below for folder in level for below in folders_in(folder)]
    raise ValueError(f"{root}: no folder CLASS/VIDEO in it ({', '.join(VIDEO_ENDINGS)})")


VIDEO_FOLDER = VideoSpec(
    name="video_folder",
    kind="clips",
    classes=None,
    image_size=112,
    mean=KINETICS_MEAN,
    std=KINETICS_STD,
    read=read_video_folder,
    is_unpacked=lambda folder: holds_samples(folder, VIDEO_ENDINGS),
    needs_folder=True,
    instructions=(
        "give as path a folder with train/CLASS/VIDEO and test/CLASS/VIDEO (or val), as Kinetics is laid out, or just "
        " CLASS/VIDEO, which is then divided, or videos and a table of labels (.csv)"
    ),
)
