"""What a trained network answered on every test set: the one file from which all metrics are derived."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.storage import create_hdf5, open_hdf5

CLEAN = "clean"


@dataclass(frozen=True)
class Predictions:
    """Answers of one network on the clean test set and its corrupted copies; a cell is one corruption x severity.

    Attributes:
        labels: true class of each sample, int64 [N].
        corruptions: name of each cell's corruption, C names; the clean test set is ``clean``.
        severities: int [C], 1-5, and 0 for the clean test set.
        predicted: class with the largest probability, int32 [C, N].
        confidence: that probability, float32 [C, N].
        nll: negative log-likelihood of the true class in nats, float32 [C, N].
        sums: SHA-256 of the samples of each cell, C texts; who shares them saw the same samples.
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
        """Whether each answer is right, bool [C, N]."""
        return self.predicted == self.labels

    def save(self, path: str | Path, **attributes: object) -> None:
        """Write to HDF5 in one piece."""
        with create_hdf5(path, **attributes) as file:
            file["labels"] = self.labels
            file["corruptions"] = self.corruptions
            file["severities"] = self.severities
            file["sums"] = np.array(self.sums, dtype="S64")
            for name in ("predicted", "confidence", "nll"):
                file.create_dataset(name, data=getattr(self, name), chunks=True, shuffle=True, compression="lzf")

    @classmethod
    def load(cls, path: str | Path) -> Predictions:
        """Read what ``save`` wrote; raises DamagedFileError where something is missing."""
        with open_hdf5(path) as file:
            try:
                corruptions = [name.decode() for name in file["corruptions"][:]]
                arrays = {name: file[name][:] for name in ("labels", "severities", "predicted", "confidence", "nll")}
            except (KeyError, OSError) as error:
                raise DamagedFileError(path, "complete predictions") from error
            sums = tuple(value.decode() for value in file["sums"][:]) if "sums" in file else ()
        return cls(corruptions=corruptions, sums=sums, **arrays)
