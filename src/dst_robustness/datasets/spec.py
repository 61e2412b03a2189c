"""What a data set is: where its files are, what is known about it, and how its raw files are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

import numpy as np

from dst_robustness.corruptions import family_of

JPEG_FROM = 64  # pixels: smaller images gain nothing from JPEG and lose much

MAX_PIXELS = 89_478_485  # where Pillow begins to warn; decoding that takes about 1 GB

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class RemoteFile:
    """A file that a data set is made of.

    Attributes:
        name: file name in the raw folder.
        addresses: where it can be had, tried in this order; empty where a login is needed.
        bytes: its length, None where nobody recorded it.
        checksum: ``md5:...`` or ``sha256:...``, None where nobody recorded it.
        holds: the corruptions that are in it; empty where it belongs to all that the data set is used for.
    """

    name: str
    addresses: tuple[str, ...] = ()
    bytes: int | None = None
    checksum: str | None = None
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Acquired:
    """What lies ready for a data set.

    Attributes:
        files: path of each acquired file by its name.
        folder: the folder that holds the set unpacked, None where there is none.
        sha256: sum over the sums of the files, or over the names and contents in the folder.
    """

    files: dict[str, Path] = field(default_factory=dict)
    folder: Path | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Split:
    """The samples of one split, in the order of their source, each read when asked for.

    Attributes:
        labels: class of each sample, int64 [N].
        load: sample i as uint8 pixels [H, W, 3] ([T, H, W, 3] for a clip), or as the bytes of a JPEG that is stored
            as it is. Called from several threads at once. Where the split has a time limit, a picklable call that
            returns the pixels: it is made in a process of its own.
        describe: what to call sample i in an error message: its file.
        clips: how many clips of T frames follow each other in what is loaded of each sample.
        time_limit: seconds that reading one sample may take, 0 where it is read in the job's own process.
    """

    labels: np.ndarray
    load: Callable[[int], np.ndarray | bytes | Callable[[], np.ndarray]]
    describe: Callable[[int], str]
    clips: int = 1
    time_limit: float = 0

    def stem(self, row: int) -> str:
        """Return the name of the file of a sample, without folders and ending."""
        return PurePath(self.describe(row)).stem


@dataclass(frozen=True)
class RawSet:
    """A data set before conversion; where it brings no validation split, one is carved from train."""

    classes: tuple[str, ...]
    train: Split
    test: Split
    validation: Split | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A data set by name: its facts, and the function that reads it.

    The user's own variants are made with ``dataclasses.replace(spec, name=..., image_size=...)``.

    Attributes:
        name: name in the config and in every table.
        kind: ``images`` or ``clips``.
        classes: class names in label order, None where they are found in the data.
        image_size: side of the square images that networks are evaluated on, in pixels.
        mean, std: of the training pixels per RGB channel, on the scale 0-1.
        read: reads what was acquired into splits; None for sets that are only acquired.
        make: writes a set that is made, not fetched, into a folder.
        files: what it is made of; empty for sets that are bundled, made, or the user's own folder.
        is_unpacked: whether a folder holds the set unpacked, so that it is read from there in place of the files.
        needs_folder: whether there is nothing to fetch and the user's folder is the data set.
        unpack: whether acquiring also unpacks the archives.
        damaged_limit: how many files of a split may be damaged: they are left out. More of them are an error.
        max_pixels: of an image file; larger ones count as damaged. Decoding takes about 12 bytes a pixel.
        default_samples: how many train and test samples there are if nobody asks for a number; None: all.
        corrupted_from: the data set of which this is the published corrupted test set.
        shifted_from: the data set whose networks are tested on this set of natural shift.
        corruptions: the corruptions that a published corrupted test set holds.
        flip_ok: whether a mirrored image keeps its class.
        licence, citation: what its makers ask for.
        instructions: what the user has to do where no address can be fetched without a login.
    """

    name: str
    kind: Literal["images", "clips"]
    classes: tuple[str, ...] | None
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    read: Callable[[DatasetSpec, Acquired], RawSet] | None = None
    make: Callable[[Path], None] | None = None
    files: tuple[RemoteFile, ...] = ()
    is_unpacked: Callable[[Path], bool] | None = None
    needs_folder: bool = False
    unpack: bool = False
    damaged_limit: int = 0
    max_pixels: int = MAX_PIXELS
    default_samples: tuple[int, int] | None = None
    corrupted_from: str | None = None
    shifted_from: str | None = None
    corruptions: tuple[str, ...] = ()
    flip_ok: bool = True
    licence: str = ""
    citation: str = ""
    instructions: str = ""

    @property
    def family(self) -> str:
        """Which constants of the corruption benchmark fit the size: ``cifar``, ``tiny_imagenet`` or ``imagenet``."""
        return family_of(self.image_size)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of a sample that networks are evaluated on, (H, W, 3)."""
        return (self.image_size, self.image_size, 3)

    @property
    def reader(self) -> str | None:
        """What decodes the samples, with its version, where that may decide what they look like."""
        return None

    @property
    def jpeg(self) -> bool:
        """Whether images are stored as JPEG."""
        return self.image_size >= JPEG_FROM

    @property
    def resize(self) -> int:
        """Side of the stored training images: large sets keep the usual margin for random crops (256 for 224)."""
        return round(self.image_size * 8 / 7) if self.image_size > 112 else self.image_size
