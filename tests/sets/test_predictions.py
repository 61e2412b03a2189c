"""The file that all metrics are derived from."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.predictions import Predictions


def test_predictions_come_back_as_saved(tmp_path: Path) -> None:
    """Nothing is lost between evaluation and statistics."""
    saved = Predictions(
        labels=np.array([0, 1]),
        corruptions=["clean", "fog"],
        severities=np.array([0, 3]),
        predicted=np.array([[0, 1], [1, 1]], np.int32),
        confidence=np.array([[0.9, 0.8], [0.7, 0.6]], np.float32),
        nll=np.array([[0.1, 0.2], [1.2, 0.5]], np.float32),
    )
    saved.save(tmp_path / "predictions.h5", seed=0)
    loaded = Predictions.load(tmp_path / "predictions.h5")
    assert loaded.corruptions == saved.corruptions
    for name in ("labels", "severities", "predicted", "confidence", "nll"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(saved, name))
    np.testing.assert_array_equal(loaded.correct, [[True, True], [False, True]])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A half-written file of another program is not taken for an answer."""
    (tmp_path / "predictions.h5").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"predictions\.h5"):
        Predictions.load(tmp_path / "predictions.h5")


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("labels", np.array([0.0, np.nan]), r"labels are float64 \[2\]"),
        ("labels", np.array([0, -1]), "labels are out of range, from -1 to 0"),
        ("predicted", np.zeros((2, 3), np.int32), r"predicted are int32 \[2, 3\], expected \[2, 2\]"),
        ("severities", np.array([0, 6]), "severities are out of range, from 0 to 6"),
        ("confidence", np.zeros((1, 2), np.float32), r"confidence are float32 \[1, 2\], expected \[2, 2\]"),
        ("nll", None, "nll are missing"),
    ],
)
def test_values_that_cannot_be_name_the_file(tmp_path: Path, name: str, values: np.ndarray | None, reason: str) -> None:
    """A file of another program is refused before it is averaged."""
    two = np.zeros((2, 2), np.float32)
    cells = np.array([0, 1]), ["clean", "fog"], np.array([0, 3])
    Predictions(*cells, two.astype(np.int32), two, two).save(tmp_path / "predictions.h5")
    with h5py.File(tmp_path / "predictions.h5", "a") as file:
        del file[name]
        if values is not None:
            file[name] = values
    with pytest.raises(DamagedFileError, match=rf"predictions\.h5: .*{reason}"):
        Predictions.load(tmp_path / "predictions.h5")
