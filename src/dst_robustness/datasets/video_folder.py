"""Videos on disk, one folder a class, and the three ways in which published sets say which is for training.

``UCF101``: class folders and lists ``trainlist01.txt``, ``testlist01.txt``; ``HMDB51``: class folders and lists
``{class}_test_split1.txt``; ``Kinetics``: ``train/class/video.mp4`` and ``test`` (or ``val``, ``validate``) likewise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, Split

VIDEO_ENDINGS = (".avi", ".mp4", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp")
TEST_FOLDERS = ("test", "val", "validate", "validation")  # the labels of Kinetics' own test videos are not published

# The statistics of Kinetics-400, which networks for clips are commonly trained with.
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


@dataclass(frozen=True, kw_only=True)
class VideoSpec(DatasetSpec):
    """A data set of videos.

    Attributes:
        frames: T, frames stored of each clip.
        sampling, stride: which frames, see ``decoding.frame_indices``.
        test_clips: how many clips are taken of each test video, evenly spread over it; others give one.
        official_split: which of the published divisions, 1-3; without meaning for folders that are divided already.
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
        """Shape of a clip that networks are evaluated on, (T, H, W, 3)."""
        return (self.frames, self.image_size, self.image_size, 3)

    @property
    def reader(self) -> str:
        """What decodes the videos, with its version."""
        from dst_robustness.datasets.decoding import reader

        return reader()

    @property
    def resize(self) -> int:
        """Side of the stored training frames: from 112 pixels on with the usual margin for random crops (128)."""
        return round(self.image_size * 8 / 7) if self.image_size >= 112 else self.image_size


Videos = list[tuple[Path, int]]  # each with its label


def video_set(spec: VideoSpec, classes: tuple[str, ...], train: Videos, test: Videos) -> RawSet:
    """Make a set of videos, with as many clips of each test video as were asked for."""
    return RawSet(classes, _split(spec, train, clips=1), _split(spec, test, clips=spec.test_clips))


def _split(spec: VideoSpec, videos: Videos, *, clips: int) -> Split:
    from dst_robustness.datasets.decoding import read_clip  # here, so that listing data sets does not load FFmpeg

    files = [path for path, _ in videos]
    options = {"frames": spec.frames, "size": spec.resize, "sampling": spec.sampling, "stride": spec.stride}

    def load(row: int) -> Callable[[], np.ndarray]:
        return partial(read_clip, files[row], clips=clips, **options)

    labels = np.array([label for _, label in videos], dtype=np.int64)
    return Split(labels, load, lambda row: str(files[row]), clips, spec.time_limit)


def read_divided_folder(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read ``train/class/video`` and ``test/class/video`` (or ``val``); the classes are the folders of ``train``.

    Raises ValueError where one of the folders is missing or empty, or ``test`` has a class that ``train`` has not.
    """
    assert isinstance(spec, VideoSpec)
    root = folder_of(spec, acquired)
    parts = {name: root / name for name in ("train", *TEST_FOLDERS) if (root / name).is_dir()}
    tests = [name for name in TEST_FOLDERS if name in parts and videos_by_class(parts[name])]
    if "train" not in parts or not tests:
        raise ValueError(f"{root}: expected folders train/CLASS/VIDEO and test/CLASS/VIDEO (or val)")
    train, test = videos_by_class(parts["train"]), videos_by_class(parts[tests[0]])
    classes = spec.classes or tuple(sorted(train))
    strangers = sorted((set(train) | set(test)) - set(classes))
    if strangers:
        raise ValueError(f"{root}: class folder '{strangers[0]}' is not among the {len(classes)} classes of train")
    return video_set(spec, classes, *(_labelled(videos, classes) for videos in (train, test)))


def _labelled(videos: dict[str, list[Path]], classes: tuple[str, ...]) -> Videos:
    return [(path, label) for label, name in enumerate(classes) for path in videos.get(name, [])]


def folder_of(spec: DatasetSpec, acquired: Acquired) -> Path:
    """Return the folder that holds the set unpacked, or raise ValueError."""
    if acquired.folder is None:
        raise ValueError(f"data set {spec.name}: {spec.instructions or 'give the folder of videos as path'}")
    return acquired.folder


def videos_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the videos of each class folder, both sorted by name; folders without a video are left out."""
    found = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            names = sorted(name for name in os.listdir(entry) if name.lower().endswith(VIDEO_ENDINGS))
            if names:
                found[entry.name] = [entry / name for name in names]
    return found


def class_folders(root: Path) -> Path:
    """Return the folder, ``root`` or up to two below it, whose folders hold videos; ValueError where there is none."""
    level = [root]
    for _ in range(3):
        for folder in level:
            if videos_by_class(folder):
                return folder
        level = sorted(entry for folder in level for entry in folder.iterdir() if entry.is_dir())
    raise ValueError(f"{root}: no folder CLASS/VIDEO in it ({', '.join(VIDEO_ENDINGS)})")


def listed_videos(listing: Path, names: Iterable[str], folder: Path) -> list[Path]:
    """Return the file of each name ``CLASS/VIDEO`` of a split list, in its order.

    Raises ValueError, naming the list, where it is empty, a name leaves the folder, or a video is not there.
    """
    paths = []
    for name in names:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise ValueError(f"{listing}: '{name}' leaves the folder of the videos")
        paths.append(folder / relative)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ValueError(
            f"{listing} names {len(missing)} videos that are not there, the first {missing[0].relative_to(folder)}; "
            f"looked in {folder}: unpack it completely, or take its line out of the list"
        )
    if not paths:
        raise ValueError(f"{listing} names no video")
    return paths


def is_divided_folder(folder: Path) -> bool:
    """Whether a folder holds ``train`` and a test folder, for ``DatasetSpec.is_unpacked``."""
    return (folder / "train").is_dir() and any((folder / name).is_dir() for name in TEST_FOLDERS)


VIDEO_FOLDER = VideoSpec(
    name="video_folder",
    kind="clips",
    classes=None,
    image_size=112,
    mean=KINETICS_MEAN,
    std=KINETICS_STD,
    read=read_divided_folder,
    is_unpacked=is_divided_folder,
    needs_folder=True,
    instructions=(
        "give as path a folder with train/CLASS/VIDEO and test/CLASS/VIDEO (or val, validate), as Kinetics is laid out"
    ),
)
