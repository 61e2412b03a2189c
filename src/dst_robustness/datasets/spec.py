"""What a data set is: where its files are, what is known about it, and how its raw files are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

import numpy as np

from dst_robustness.corruptions import family_of

JPEG_FROM = 64  # pixels; smaller images gain nothing from JPEG and lose much

MAX_PIXELS = 89_478_485  # from here on Pillow warns; decoding such an image takes about 1 GB

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set.

    Attributes:
        name: file name in the raw folder.
        addresses: addresses of the file, tried in this order; empty if a login is needed.
        bytes: its length, or None if it is not recorded.
        checksum: ``md5:...`` or ``sha256:...``, or None if it is not recorded.
        holds: the corruptions in it; empty if the file is always needed.
    """

    name: str
    addresses: tuple[str, ...] = ()
    bytes: int | None = None
    checksum: str | None = None
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Acquired:
    """The raw files of a data set after ``acquire``.

    Attributes:
        files: path of each acquired file by its name.
        folder: the folder that holds the unpacked set, or None.
        sha256: checksum of the files' checksums, or of the names and contents in the folder.
    """

    files: dict[str, Path] = field(default_factory=dict)
    folder: Path | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Split:
    """The samples of one split in the order of their source. Each is read when it is needed.

    Attributes:
        labels: class of each sample, int64 [N].
        load: returns sample i as uint8 pixels [H, W, 3] ([T, H, W, 3] for a clip), or as the bytes of a JPEG that is
            stored as it is. Several threads call it at the same time. If the split has a time limit, it returns a
            picklable call that returns the pixels in another process.
        describe: returns the name of sample i for error messages: its file.
        clips: number of clips of T frames in a loaded sample, one after the other.
        time_limit: seconds that reading one sample may take; 0 if it is read in the job's own process.
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
    """A data set before conversion. If it has no validation split, a part of train becomes one."""

    classes: tuple[str, ...]
    train: Split
    test: Split
    validation: Split | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A data set by name: its facts, and the function that reads it.

    Make your own variants with ``dataclasses.replace(spec, name=..., image_size=...)``.

    Attributes:
        name: name in the configuration and in every table.
        kind: ``images`` or ``clips``.
        classes: class names in label order, or None if they are found in the data.
        image_size: side of the square images that networks are evaluated on, in pixels.
        mean, std: mean and std of the training pixels per RGB channel, on the scale 0-1.
        read: reads the acquired files into splits; None for sets that are only acquired.
        make: writes a set that is made here into a folder.
        files: its files; empty for sets that are bundled, made here, or the user's own folder.
        is_unpacked: returns whether a folder holds the unpacked set, so that it is read instead of the files.
        needs_folder: whether the data set is the user's folder and there is nothing to download.
        unpack: whether acquiring also unpacks the archives.
        damaged_limit: number of damaged files in a split that are left out. More of them are an error.
        max_pixels: largest allowed size of an image file. Larger ones count as damaged. Decoding takes about 12 bytes
            per pixel.
        default_samples: number of train and test samples if the user does not say; None: all.
        corrupted_from: the data set of which this is the published corrupted test set.
        shifted_from: the data set whose networks are tested on this set of natural shift.
        corruptions: the corruptions that a published corrupted test set holds.
        flip_ok: whether a mirrored image keeps its class.
        licence, citation: as its makers ask.
        instructions: what the user has to do if the files need a login.
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
        """The constants of the benchmark that fit the size: ``cifar``, ``tiny_imagenet`` or ``imagenet``."""
        return family_of(self.image_size)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of a sample on which networks are evaluated, (H, W, 3)."""
        return (self.image_size, self.image_size, 3)

    @property
    def reader(self) -> str | None:
        """The library that decodes the samples, with its version, if it may change their pixels."""
        return None

    @property
    def jpeg(self) -> bool:
        """Whether images are stored as JPEG."""
        return self.image_size >= JPEG_FROM

    @property
    def resize(self) -> int:
        """Side of the stored training images. Large sets have the usual margin for random crops (256 for 224)."""
        return round(self.image_size * 8 / 7) if self.image_size > 112 else self.image_size
