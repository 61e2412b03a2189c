"""UCF101 and HMDB51: class folders of videos, and published lists that say which are for training.

Sources: Soomro, Zamir and Shah, "UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild", 2012; Kuehne
et al., "HMDB: A Large Video Database for Human Motion Recognition", ICCV 2011.
"""

from __future__ import annotations

from pathlib import Path

from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, RemoteFile
from dst_robustness.datasets.video_folder import (
    KINETICS_MEAN,
    KINETICS_STD,
    Videos,
    VideoSpec,
    class_folders,
    folder_of,
    listed_videos,
    video_set,
    videos_by_class,
)

UCF101_LISTS = "UCF101TrainTestSplits-RecognitionTask.zip"
_CRCV = "https://www.crcv.ucf.edu/data/UCF101"


def read_ucf101(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read one of the three official divisions from the folder that holds the videos and the lists.

    Raises ValueError where a list or a video that it names is missing, or a list and the class index disagree.
    """
    assert isinstance(spec, VideoSpec)
    root = folder_of(spec, acquired)
    lists = _folder_with(root, f"trainlist{spec.official_split:02d}.txt")
    videos = class_folders(root)
    classes = _class_index(lists / "classInd.txt")
    train, test = (
        _listed(lists / f"{part}list{spec.official_split:02d}.txt", videos, classes) for part in ("train", "test")
    )
    return video_set(spec, tuple(classes), train, test)


def _folder_with(root: Path, name: str) -> Path:
    found = sorted(root.glob(name)) + sorted(root.glob(f"*/{name}")) + sorted(root.glob(f"*/*/{name}"))
    if not found:
        raise ValueError(f"{root}: no {name} in it or two folders below; it comes in {UCF101_LISTS}")
    return found[0].parent


def _class_index(path: Path) -> dict[str, int]:
    """Read ``1 ApplyEyeMakeup`` lines into names and labels from 0, in label order."""
    if not path.is_file():
        raise ValueError(f"{path} is missing; it comes in {UCF101_LISTS}")
    pairs = [line.split() for line in path.read_text().splitlines() if line.strip()]
    if any(len(pair) != 2 or not pair[0].isdigit() for pair in pairs):
        raise ValueError(f"{path}: expected lines NUMBER CLASS")
    numbers = sorted((int(number), name) for number, name in pairs)
    if [number for number, _ in numbers] != list(range(1, len(numbers) + 1)):
        raise ValueError(f"{path}: classes are not numbered from 1 to {len(numbers)}")
    return {name: number - 1 for number, name in numbers}


def _listed(listing: Path, videos: Path, classes: dict[str, int]) -> Videos:
    if not listing.is_file():
        raise ValueError(f"{listing} is missing; it comes in {UCF101_LISTS}")
    # Training lists give the number of the class behind each name, test lists do not.
    names = [line.split()[0] for line in listing.read_text().splitlines() if line.strip()]
    strangers = [name for name in names if name.split("/")[0] not in classes]
    if strangers:
        raise ValueError(f"{listing}: '{strangers[0]}' is of no class in classInd.txt")
    labels = [classes[name.split("/")[0]] for name in names]
    return list(zip(listed_videos(listing, names, videos), labels, strict=True))


def read_hmdb51(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read one of the three official divisions of HMDB51 from a folder: class folders and the lists beside them.

    A list ``{class}_test_split{n}.txt`` gives each video 1 (train), 2 (test) or 0 (neither). Raises ValueError where a
    class has no list, or a list names a video that is not there.
    """
    assert isinstance(spec, VideoSpec)
    root = folder_of(spec, acquired)
    videos = class_folders(root)
    classes = list(videos_by_class(videos))
    ending = f"_test_split{spec.official_split}.txt"
    lists = _folder_with(root, f"{classes[0]}{ending}")
    parts: dict[str, Videos] = {"1": [], "2": []}
    for label, name in enumerate(classes):
        listing = lists / f"{name}{ending}"
        if not listing.is_file():
            raise ValueError(f"{listing} is missing: class folder '{name}' has no split list")
        for place, part in parts.items():
            lines = [line.split() for line in listing.read_text().splitlines()]
            here = [f"{name}/{line[0]}" for line in lines if len(line) == 2 and line[1] == place]
            part += [(path, label) for path in listed_videos(listing, here, videos)]
    return video_set(spec, tuple(classes), parts["1"], parts["2"])


def _holds(name: str):
    def is_unpacked(folder: Path) -> bool:
        return any(next(folder.glob(f"{depth}{name}"), None) is not None for depth in ("", "*/", "*/*/"))

    return is_unpacked


UCF101 = VideoSpec(
    name="ucf101",
    kind="clips",
    classes=None,
    image_size=112,
    mean=KINETICS_MEAN,
    std=KINETICS_STD,
    read=read_ucf101,
    files=(
        # The second address holds the same videos in a zip file; either is recognised by its content.
        RemoteFile(
            "UCF101.rar",
            (f"{_CRCV}/UCF101.rar", "https://storage.googleapis.com/thumos14_files/UCF101_videos.zip"),
        ),
        RemoteFile(UCF101_LISTS, (f"{_CRCV}/{UCF101_LISTS}",)),
    ),
    is_unpacked=_holds("classInd.txt"),
    unpack=True,
    licence="for research; the videos are their uploaders'",
    citation="Soomro, Zamir and Shah: UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild, 2012",
)

HMDB51 = VideoSpec(
    name="hmdb51",
    kind="clips",
    classes=None,
    image_size=112,
    mean=KINETICS_MEAN,
    std=KINETICS_STD,
    read=read_hmdb51,
    is_unpacked=_holds("brush_hair_test_split1.txt"),
    needs_folder=True,
    licence="CC BY 4.0",
    citation="Kuehne et al.: HMDB: A Large Video Database for Human Motion Recognition, ICCV 2011",
    instructions=(
        "unpack hmdb51_org.rar, the archives in it and test_train_splits.rar into one folder, and give it as path"
    ),
)
