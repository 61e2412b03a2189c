"""The predictions of a trained network on every test set: the file from which all metrics are derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.storage import create_hdf5, open_hdf5

CLEAN = "clean"


@dataclass(frozen=True)
class Predictions:
    """The predictions of one network on the clean test set and its corrupted copies.

    A cell is one corruption at one severity.

    Attributes:
        labels: true class of each sample, int64 [N].
        corruptions: name of each cell's corruption, C names; the clean test set is ``clean``.
        severities: int [C], 1-5, and 0 for the clean test set.
        predicted: class with the largest probability, int32 [C, N].
        confidence: that probability, float32 [C, N].
        nll: negative log-likelihood of the true class in nats, float32 [C, N].
        sums: SHA-256 of the samples of each cell, C texts. Networks that share one saw the same samples.
    """

    labels: np.ndarray
    corruptions: list[str]
    severities: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    nll: np.ndarray
    sums: tuple[str, ...] = ()

    @property
    def correct(self) -> np.ndarray:
        """Return whether each prediction is right, bool [C, N]."""
        return self.predicted == self.labels

    def save(self, path: str | Path, **attributes: object) -> None:
        """Write to an HDF5 file that is never seen half written."""
        with create_hdf5(path, **attributes) as file:
            file["labels"] = self.labels
            file["corruptions"] = self.corruptions
            file["severities"] = self.severities
            file["sums"] = np.array(self.sums, dtype="S64")
            for name in ("predicted", "confidence", "nll"):
                file.create_dataset(name, data=getattr(self, name), chunks=True, shuffle=True, compression="lzf")

    @classmethod
    def joined(cls, parts: Sequence[Predictions]) -> Predictions:
        """Return the cells of several parts, which have the same labels, one after the other."""
        stacked = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("severities", "predicted", "confidence", "nll")
        }
        names, sums = ([item for part in parts for item in getattr(part, key)] for key in ("corruptions", "sums"))
        return cls(labels=parts[0].labels, corruptions=names, sums=tuple(sums), **stacked)

    @classmethod
    def load(cls, path: str | Path) -> Predictions:
        """Read what ``save`` wrote. Raises DamagedFileError, which names the file, if it holds something else."""
        answers = read_answers(path)
        with open_hdf5(path) as file:
            confidence, nll = (
                _stored(file, path, name, "f", answers.predicted.shape) for name in ("confidence", "nll")
            )
        labels, corruptions, severities, predicted, sums = answers
        return cls(labels, corruptions, severities, predicted, confidence, nll, sums)


class Answers(NamedTuple):
    """Predictions without the probabilities, which are most of the file; see ``Predictions``."""

    labels: np.ndarray
    corruptions: list[str]
    severities: np.ndarray
    predicted: np.ndarray
    sums: tuple[str, ...]


def read_answers(path: str | Path) -> Answers:
    """Read the predicted classes alone from what ``Predictions.save`` wrote.

    Raises DamagedFileError, which names the file, if something is missing, has another shape, or is out of range.
    """
    with open_hdf5(path) as file:
        labels, severities = (_stored(file, path, name, "iu", (None,)) for name in ("labels", "severities"))
        predicted = _stored(file, path, "predicted", "iu", (len(severities), len(labels)))
        names = _stored(file, path, "corruptions", "O", severities.shape)
        sums = tuple(value.decode() for value in file["sums"][:]) if "sums" in file else ()
    for name, values, most in (("labels", labels, None), ("predicted", predicted, None), ("severities", severities, 5)):
        if values.size and (values.min() < 0 or (most is not None and values.max() > most)):
            raise DamagedFileError(path, reason=f"{name} are out of range, from {values.min()} to {values.max()}")
    return Answers(labels, [name.decode() for name in names], severities, predicted, sums)


def _stored(file: h5py.File, path: str | Path, name: str, kinds: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return a dataset that must have one of these NumPy kinds and this shape; None fits any length."""
    stored = file.get(name)
    if not isinstance(stored, h5py.Dataset):
        raise DamagedFileError(path, reason=f"no complete predictions, {name} are missing")
    fits = len(stored.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, stored.shape, strict=True))
    if stored.dtype.kind not in kinds or not fits:
        raise DamagedFileError(path, reason=f"{name} are {stored.dtype} {list(stored.shape)}, expected {list(shape)}")
    try:
        return stored[:]
    except OSError as error:
        raise DamagedFileError(path, "complete predictions") from error
