"""The description of a set in its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import h5py
import numpy as np

from dst_robustness import __version__
from dst_robustness.jobs.files import DamagedFileError

PUBLISHED_FILES = "published files"  # the source of what was not made here
_JSON = {"json": True}  # HDF5 has no lists of texts, nor mappings, for attributes


@dataclass(frozen=True, kw_only=True)
class SetAttributes:
    """The attributes of a file of samples. One that a file does not have is None.

    Attributes:
        dataset, split: the data set and the split of the samples.
        classes: names of the classes, in the order of the labels.
        mean, std: of the training pixels per RGB channel, on the scale 0-1.
        family: whose constants of the corruption benchmark fit the size.
        image_size: side of the square images that networks are evaluated on, in pixels.
        flip_ok: whether a mirrored image keeps its class.
        clips_per_video: number of samples of one video. They follow each other.
        damaged: the files that could not be read and were left out, with the reasons.
        reader: the library that decoded the videos, with its version.
        corruption, severities: for a corrupted set, whose groups are the severities.
        pairing: for a published set: ``image`` if each image is made from the sample at its place, or ``class`` if it
            shows another one of the same class. Then a difference of the two means nothing.
        shift: name of a set of natural shift, which has no severities.
        answers: labels among which networks choose, if these are not all.
        frost_source: which frost images were used.
        library_versions: versions of the other libraries that the result depends on.
        seed: seed of every choice and draw.
        source: origin of a set that was not made here.
        source_sha256: checksum of what the set was made from.
        made_by: checksum of everything that decides the content of the file.
        package_version: version of this package.
    """

    dataset: str | None = None
    split: str | None = None
    classes: tuple[str, ...] | None = field(default=None, metadata=_JSON)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    family: str | None = None
    image_size: int | None = None
    flip_ok: bool | None = None
    clips_per_video: int | None = None
    damaged: tuple[str, ...] | None = field(default=None, metadata=_JSON)
    reader: str | None = None
    corruption: str | None = None
    severities: tuple[int, ...] | None = None
    pairing: str | None = None
    shift: str | None = None
    answers: tuple[int, ...] | None = None
    frost_source: str | None = None
    library_versions: Mapping[str, str] | None = field(default=None, metadata=_JSON)
    seed: int | None = None
    source: str | None = None
    source_sha256: str | None = None
    made_by: str | None = None
    package_version: str | None = __version__

    def stored(self) -> dict[str, Any]:
        """Return what is written to a file: the attributes that are not None."""
        values = {one.name: (one, getattr(self, one.name)) for one in fields(self)}
        return {
            name: json.dumps(value) if one.metadata else value
            for name, (one, value) in values.items()
            if value is not None
        }

    @classmethod
    def read(cls, file: h5py.File) -> SetAttributes:
        """Read what ``stored`` gave. Other attributes of the file do not count.

        Raises DamagedFileError for an attribute that cannot be what its name says.
        """
        found: dict[str, Any] = {}
        for one in fields(cls):
            if one.name not in file.attrs:
                continue
            try:
                found[one.name] = _read(file.attrs[one.name], is_json=bool(one.metadata))
                _check(one.name, found[one.name])
            except (ValueError, TypeError, OSError) as error:
                raise DamagedFileError(file.file.filename, reason=f"its attribute '{one.name}' is damaged") from error
        return cls(**{"package_version": None} | found)


def _check(name: str, value: Any) -> None:
    """Raise ValueError for classes that are no texts, and for a mean or spread that no pixels have."""
    if name == "classes" and not (isinstance(value, tuple) and all(isinstance(one, str) for one in value)):
        raise ValueError(name)
    if name in ("mean", "std"):
        numbers = np.array(value, dtype=float)
        if numbers.shape != (3,) or not np.isfinite(numbers).all() or (name == "std" and numbers.min() <= 0):
            raise ValueError(name)


def _read(value: Any, *, is_json: bool) -> Any:
    if is_json:
        value = json.loads(value)
        return tuple(value) if isinstance(value, list) else value
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value
