"""The file that all metrics are derived from."""

from pathlib import Path

import numpy as np
import pytest

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
