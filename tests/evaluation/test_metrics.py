import numpy as np
import pandas as pd
import pytest

from dst_robustness.evaluation.metrics import METRICS, category, cell_metrics, expected_calibration_error, write_metrics
from dst_robustness.sets.predictions import Predictions


@pytest.fixture
def predictions():
    """Four samples on the clean set and on one corruption."""
    return Predictions(
        labels=np.array([0, 1, 2, 0]),
        corruptions=["clean", "gaussian_noise"],
        severities=np.array([0, 3]),
        predicted=np.array([[0, 1, 2, 1], [0, 0, 0, 1]], dtype=np.int32),
        confidence=np.array([[0.9, 0.9, 0.9, 0.5], [1.0, 1.0, 0.2, 0.2]], dtype=np.float32),
        nll=np.array([[0.1, 0.1, 0.1, 0.7], [0.0, 4.0, 2.0, 2.0]], dtype=np.float32),
    )


def test_calibration_error_is_the_gap_of_each_bin_weighted_by_its_size():
    """Bins of width 1/15: three answers at 0.9 with 2 right, one at 0.3 that is right."""
    error = expected_calibration_error(np.array([0.9, 0.9, 0.9, 0.3]), np.array([True, True, False, True]))
    assert error == pytest.approx(3 / 4 * (0.9 - 2 / 3) + 1 / 4 * 0.7)


def test_calibration_error_keeps_gaps_of_different_sign_in_different_bins_apart():
    """Over- and underconfidence do not cancel, and certainty (1.0) and its lower edge fall into a bin."""
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([False, True])) == pytest.approx(1.0)


def test_cell_metrics_by_hand(predictions):
    """One row per cell with accuracy, calibration error and likelihood worked out on paper."""
    clean, noise = (dict(zip(METRICS, row, strict=True)) for row in cell_metrics(predictions))
    assert (clean["corruption"], clean["category"], clean["severity"]) == ("clean", "clean", 0)
    assert (noise["corruption"], noise["category"], noise["severity"]) == ("gaussian_noise", "noise", 3)
    assert clean["accuracy"] == 0.75
    assert clean["ece"] == pytest.approx(3 / 4 * 0.1 + 1 / 4 * 0.5, abs=1e-6)
    assert clean["nll"] == pytest.approx(0.25)
    assert noise["accuracy"] == 0.25
    assert noise["ece"] == pytest.approx(2 / 4 * 0.5 + 2 / 4 * 0.2, abs=1e-6)


def test_a_corruption_of_a_foreign_set_has_the_category_other():
    """ImageNet-3DCC and the user's own folders hold corruptions that no registry knows."""
    assert category("near_focus") == "other"
    assert category("caustic_refraction") == "c_bar"
    assert category("color_quant") == "3dcc"


def test_written_metrics_read_back_at_full_precision(tmp_path, predictions):
    """The tables of the study are averages of these numbers: nothing may be rounded away on disk."""
    predictions.save(tmp_path / "predictions.h5")
    write_metrics(tmp_path / "predictions.h5", tmp_path / "metrics.csv")
    table = pd.read_csv(tmp_path / "metrics.csv", float_precision="round_trip")
    assert list(table.columns) == list(METRICS)
    assert [tuple(row) for row in table.to_numpy().tolist()] == cell_metrics(predictions)
