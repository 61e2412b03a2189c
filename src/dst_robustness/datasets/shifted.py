"""Natural shift: published test sets of the same classes with images that are new, drawn, or chosen to be hard.

They have no severities. Networks trained on CIFAR-10 or ImageNet are tested on them as they are.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from dst_robustness.datasets.arrays import map_array
from dst_robustness.datasets.cifar import CIFAR10
from dst_robustness.datasets.layout import class_pairs, top_folder
from dst_robustness.datasets.pickles import load_pickle
from dst_robustness.datasets.pictures import ENDINGS, square
from dst_robustness.datasets.spec import IMAGENET_MEAN, IMAGENET_STD, Acquired, DatasetSpec, RemoteFile, Split
from dst_robustness.datasets.walk import files_in, folders_in, shown
from dst_robustness.jobs.memory import bounded_memory

log = logging.getLogger(__name__)

ARRAYS = (".npy", ".npz")
IMAGENET_CLASSES = 1000
MAX_MEMORY = 1 << 30  # bytes that unpacking arrays may take


def read_shifted(spec: DatasetSpec, acquired: Acquired, classes: tuple[str, ...]) -> Split:
    """Read a set with the labels of the networks' classes. Images of other classes are left out.

    Args:
        spec: the set. ``resize`` is the side to which images are resized.
        acquired: what ``acquire`` has fetched.
        classes: classes of the networks' usual test split, in label order.

    Raises:
        ValueError: if an array is missing or cannot be read, or if the networks have none of the classes.
    """
    arrays = sorted(acquired.files.values()) if acquired.folder is None else files_in(acquired.folder, ARRAYS)
    if arrays:
        return _array_split(spec, arrays, classes)
    assert acquired.folder is not None
    return _folder_split(spec, acquired.folder, classes)


def _array_split(spec: DatasetSpec, paths: list[Path], classes: tuple[str, ...]) -> Split:
    if classes != CIFAR10.classes:
        raise ValueError(f"{spec.name} has the ten classes of CIFAR-10, the networks have {len(classes)}: {classes[0]}")
    images, labels = _arrays(spec, paths)
    if images.dtype != np.uint8 or images.size == 0 or images.shape != (labels.size, 32, 32, 3):
        raise ValueError(
            f"{paths[0]} is {images.dtype} {list(images.shape)}, expected uint8 [{labels.size or 'N'}, 32, 32, 3]"
        )
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"{paths[-1]}: labels are {labels.dtype} {list(labels.shape)}, expected integers from 0 to 9")
    return Split(labels.astype(np.int64), images.__getitem__, lambda i: f"{spec.name} row {i}")


def _arrays(spec: DatasetSpec, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels, from two arrays (CIFAR-10.1) or from one file of several (CIFAR-10.2)."""
    wanted = [path for path in paths if path.name in {file.name for file in spec.files}] or paths
    if len(wanted) == 2:
        return map_array(next(p for p in wanted if "data" in p.stem)), map_array(
            next(p for p in wanted if "label" in p.stem)
        )
    path = wanted[0]
    if path.suffix == ".npz":
        try:
            with bounded_memory(MAX_MEMORY), np.load(path) as content:
                return content["images"], content["labels"]
        except Exception as error:  # a damaged zip file fails in many ways
            raise ValueError(f"{path} has no arrays images and labels: {type(error).__name__}") from error
    content = _mapping(path)
    if not isinstance(content, dict) or not {"images", "labels"} <= content.keys():
        raise ValueError(f"{path} has no entries images and labels")
    return np.asarray(content["images"]), np.asarray(content["labels"])


def _mapping(path: Path) -> object:
    """Return the mapping in an ``.npy`` file of one Python object, with texts as keys, without running its pickle."""
    with open(path, "rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            read(file)
        except ValueError as error:
            raise ValueError(f"cannot read {path}: not a NumPy file") from error
        content = load_pickle(file, str(path))
    while isinstance(content, (list, tuple)) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict):
        return content
    return {key.decode() if isinstance(key, bytes) else key: value for key, value in content.items()}


def _folder_split(spec: DatasetSpec, folder: Path, classes: tuple[str, ...]) -> Split:
    top = top_folder(folder, ENDINGS)[0]
    names = {shown(path.name) for path in folders_in(top)}
    label_of = {name: label for label, name in enumerate(classes)}
    if names and all(name.isdigit() for name in names) and not names & label_of.keys():
        if len(classes) != IMAGENET_CLASSES:
            raise ValueError(
                f"{top}: folders are numbers of ImageNet's {IMAGENET_CLASSES} classes, the networks have {len(classes)}"
            )
        label_of = {str(label): label for label in range(IMAGENET_CLASSES)}  # ImageNet-V2: in the order of WordNet ids
    pairs = [(path, label_of[name]) for path, name in class_pairs(top, ENDINGS) if name in label_of]
    if not pairs:
        raise ValueError(f"{top} has none of the networks' {len(classes)} classes, as {classes[0]}")
    if strange := names - label_of.keys():
        log.warning("%s: %d classes are none of the networks', as %s", top, len(strange), min(strange))
    files = [path for path, _ in pairs]
    labels = np.array([label for _, label in pairs], dtype=np.int64)
    return Split(labels, lambda i: square(files[i].read_bytes(), spec.resize), lambda i: shown(files[i]))


def _spec(
    name: str, of: str, size: int, files: tuple[RemoteFile, ...], citation: str, **options: object
) -> DatasetSpec:
    is_array = files[0].name.endswith(ARRAYS)

    def is_unpacked(folder: Path) -> bool:
        if is_array:
            return False  # look for the files themselves
        top = top_folder(folder, ENDINGS)[0]
        return len(folders_in(top)) > 1 and not any((folder / file.name).is_file() for file in files)

    return DatasetSpec(
        name=name,
        kind="images",
        classes=None,
        image_size=size,
        mean=CIFAR10.mean if of == "cifar10" else IMAGENET_MEAN,
        std=CIFAR10.std if of == "cifar10" else IMAGENET_STD,
        files=files,
        is_unpacked=is_unpacked,
        unpack=not is_array,
        shifted_from=of,
        citation=citation,
        **options,  # type: ignore[arg-type]
    )


def _github(repository: str, path: str) -> RemoteFile:
    return RemoteFile(path.rpartition("/")[2], (f"https://github.com/modestyachts/{repository}/raw/master/{path}",))


_V2 = "imagenetv2-matched-frequency.tar.gz"
_BERKELEY = "https://people.eecs.berkeley.edu/~hendrycks"
_IMAGENET_TERMS = "the images keep the terms of their sources"

CIFAR10_1 = _spec(
    "cifar10_1",
    "cifar10",
    32,
    (
        _github("CIFAR-10.1", "datasets/cifar10.1_v6_data.npy"),
        _github("CIFAR-10.1", "datasets/cifar10.1_v6_labels.npy"),
    ),
    "Recht, Roelofs, Schmidt, Shankar: Do CIFAR-10 Classifiers Generalize to CIFAR-10?, 2018",
    licence="MIT (repository); the images are of Tiny Images",
)
CIFAR10_2 = _spec(
    "cifar10_2",
    "cifar10",
    32,
    (_github("cifar-10.2", "cifar102_test.npy"),),
    "Lu et al.: Harder or Different? A Closer Look at Distribution Shift in Dataset Reproduction, 2020",
    licence="none stated; the images are of Tiny Images",
)
IMAGENET_V2 = _spec(
    "imagenet_v2",
    "imagenet",
    224,
    (
        RemoteFile(
            _V2,
            (
                f"https://huggingface.co/datasets/vaishaal/ImageNetV2/resolve/main/{_V2}",
                f"https://imagenetv2public.s3-us-west-2.amazonaws.com/{_V2}",
            ),
        ),
    ),
    "Recht, Roelofs, Schmidt, Shankar: Do ImageNet Classifiers Generalize to ImageNet?, ICML 2019",
    licence=f"MIT; {_IMAGENET_TERMS}",
)
IMAGENET_A = _spec(
    "imagenet_a",
    "imagenet",
    224,
    (RemoteFile("imagenet-a.tar", (f"{_BERKELEY}/imagenet-a.tar",), None, "md5:c3e55429088dc681f30d81f4726b6595"),),
    "Hendrycks et al.: Natural Adversarial Examples, CVPR 2021",
    licence=f"MIT (repository); {_IMAGENET_TERMS}",
)
IMAGENET_R = _spec(
    "imagenet_r",
    "imagenet",
    224,
    (RemoteFile("imagenet-r.tar", (f"{_BERKELEY}/imagenet-r.tar",), None, "md5:a61312130a589d0ca1a8fca1f2bd3337"),),
    "Hendrycks et al.: The Many Faces of Robustness, ICCV 2021",
    licence=f"MIT (repository); {_IMAGENET_TERMS}",
)
IMAGENET_SKETCH = _spec(
    "imagenet_sketch",
    "imagenet",
    224,
    (RemoteFile("ImageNet-Sketch.zip"),),
    "Wang, Ge, Lipton, Xing: Learning Robust Global Representations by Penalizing Local Predictive Power, NeurIPS 2019",
    licence=f"MIT (repository); {_IMAGENET_TERMS}",
    instructions="ImageNet-Sketch lies behind a page: open https://github.com/HaohanWang/ImageNet-Sketch and fetch it;",
)
