"""UCF101 and HMDB51: class folders of videos, with published lists that say which are for training.

Sources: Soomro, Zamir and Shah, "UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild", 2012; Kuehne
et al., "HMDB: A Large Video Database for Human Motion Recognition", ICCV 2011.
"""

from __future__ import annotations

from pathlib import Path

from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, RemoteFile
from dst_robustness.datasets.split_lists import listed_videos, read_lines
from dst_robustness.datasets.video_folder import (
    KINETICS_MEAN,
    KINETICS_STD,
    Videos,
    VideoSpec,
    class_folders,
    folder_of,
    video_set,
    videos_by_class,
)
from dst_robustness.datasets.walk import shown, walk

UCF101_LISTS = "UCF101TrainTestSplits-RecognitionTask.zip"
_CRCV = "https://www.crcv.ucf.edu/data/UCF101"


def read_ucf101(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read one of the three official divisions from the folder that holds the videos and the lists.

    Raises ValueError if a list or a listed video is missing, or if a list and the class index disagree.
    """
    assert isinstance(spec, VideoSpec)
    root = folder_of(spec, acquired)
    lists = _folder_with(root, f"trainlist{spec.official_split:02d}.txt")
    videos = videos_by_class(class_folders(root))
    classes = _class_index(lists / "classInd.txt")
    train, test = (
        _listed(lists / f"{part}list{spec.official_split:02d}.txt", videos, classes) for part in ("train", "test")
    )
    return video_set(spec, tuple(classes), train, test)


def _folder_with(root: Path, name: str) -> Path:
    found = _places(root, name)
    if not found:
        raise ValueError(f"{root}: no {name} in it; it comes in {UCF101_LISTS}")
    return found[0].parent


def _places(root: Path, name: str) -> list[Path]:
    """Return where files of this name are below a folder, the shallowest place first."""
    found = [Path(root, path) for path, entry in walk(root) if entry.name == name]
    return sorted(found, key=lambda path: (len(path.parts), path))


def _class_index(path: Path) -> dict[str, int]:
    """Read ``1 ApplyEyeMakeup`` lines into names and labels from 0, in label order."""
    if not path.is_file():
        raise ValueError(f"{path} is missing; it comes in {UCF101_LISTS}")
    pairs = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(pair) != 2 or not pair[0].isdigit() for pair in pairs):
        raise ValueError(f"{path}: expected lines NUMBER CLASS")
    numbers = sorted((int(number), name) for number, name in pairs)
    if [number for number, _ in numbers] != list(range(1, len(numbers) + 1)):
        raise ValueError(f"{path}: classes are not numbered from 1 to {len(numbers)}")
    return {name: number - 1 for number, name in numbers}


def _listed(listing: Path, videos: dict[str, list[Path]], classes: dict[str, int]) -> Videos:
    if not listing.is_file():
        raise ValueError(f"{listing} is missing; it comes in {UCF101_LISTS}")
    lines = read_lines(listing)
    names = [name for name, _ in lines]
    strangers = [name for name in names if name.split("/")[0] not in classes]
    if strangers:
        raise ValueError(f"{listing}: '{strangers[0]}' is of no class in classInd.txt")
    # Training lists give the number of the class behind each name, test lists do not.
    wrong = [name for name, number in lines if number and int(number) != classes[name.split("/")[0]] + 1]
    if wrong:
        raise ValueError(f"{listing}: '{wrong[0]}' has another number than its class in classInd.txt")
    labels = [classes[name.split("/")[0]] for name in names]
    return list(zip(listed_videos(listing, names, videos), labels, strict=True))


def read_hmdb51(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read one of the three official divisions of HMDB51 from a folder: class folders and the lists beside them.

    A list ``{class}_test_split{n}.txt`` gives each video 1 (train), 2 (test) or 0 (neither). Raises ValueError if a
    class has no list, or if a listed video does not exist.
    """
    assert isinstance(spec, VideoSpec)
    root = folder_of(spec, acquired)
    videos = videos_by_class(class_folders(root))
    ending = f"_test_split{spec.official_split}.txt"
    lists = {shown(name.rpartition("/")[2]): root / name for name, _ in walk(root) if name.endswith(ending)}
    parts: dict[str, Videos] = {"1": [], "2": []}
    for label, name in enumerate(videos):
        listing = lists.get(f"{name}{ending}")
        if listing is None:
            raise ValueError(f"{root}: class folder '{name}' has no list {name}{ending}")
        lines = read_lines(listing)
        odd = [line for line, number in lines if number not in ("0", "1", "2")]
        if odd:
            raise ValueError(f"{listing}: '{odd[0]}' is not followed by 0, 1 or 2")
        for place, part in parts.items():
            here = [f"{name}/{line}" for line, number in lines if number == place]
            part += [(path, label) for path in listed_videos(listing, here, videos)]
    return video_set(spec, tuple(videos), parts["1"], parts["2"])


UCF101 = VideoSpec(
    name="ucf101",
    kind="clips",
    classes=None,
    image_size=112,
    mean=KINETICS_MEAN,
    std=KINETICS_STD,
    read=read_ucf101,
    files=(
        # The second address has the same videos in a zip file. Both are recognised by their content.
        RemoteFile(
            "UCF101.rar",
            (f"{_CRCV}/UCF101.rar", "https://storage.googleapis.com/thumos14_files/UCF101_videos.zip"),
        ),
        RemoteFile(UCF101_LISTS, (f"{_CRCV}/{UCF101_LISTS}",)),
    ),
    is_unpacked=lambda folder: bool(_places(folder, "classInd.txt")),
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
    is_unpacked=lambda folder: bool(_places(folder, "brush_hair_test_split1.txt")),
    needs_folder=True,
    licence="CC BY 4.0",
    citation="Kuehne et al.: HMDB: A Large Video Database for Human Motion Recognition, ICCV 2011",
    instructions=(
        "unpack hmdb51_org.rar, the archives in it and test_train_splits.rar into one folder, and give it as path"
    ),
)
