import math

import numpy as np
import pandas as pd
import pytest

from dst_robustness.analysis.robustness import (
    ALEXNET_CLEAN_ERROR,
    ALEXNET_ERROR,
    BENCHMARK,
    corruption_errors,
    error_metrics,
    mean_corruption_error,
    relative_corruption_error,
    run_metrics,
)
from dst_robustness.corruptions import BENCHMARK_CORRUPTIONS


def cells(clean: float, **corruptions: list[float]) -> pd.DataFrame:
    """Return a table of cells; corruptions are accuracies by severity."""
    rows = [("clean", "clean", 0, clean, 0.1, 1.0)]
    rows += [
        (name, "noise", i + 1, value, 0.2, 2.0)
        for name, values in corruptions.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["corruption", "category", "severity", "accuracy", "ece", "nll"])


def test_robust_accuracy_is_the_uniform_mean_over_cells():
    """Clean images do not count; every corruption x severity counts the same."""
    values = run_metrics(cells(0.9, fog=[0.8, 0.6], snow=[0.5, 0.1]))
    assert values["clean_accuracy"] == 0.9
    assert values["robust_accuracy"] == pytest.approx(0.5)
    assert values["accuracy_severity_2"] == pytest.approx(0.35)
    assert math.isnan(values["robust_accuracy_15"])


def test_robust_accuracy_over_the_fifteen_leaves_the_extra_ones_out():
    """The benchmark's own mean is comparable with published numbers; spatter and others were meant for validation."""
    table = cells(0.9, **{key: [0.5] for key in BENCHMARK}, spatter=[1.0])
    values = run_metrics(table)
    assert values["robust_accuracy_15"] == pytest.approx(0.5)
    assert values["robust_accuracy"] == pytest.approx((15 * 0.5 + 1) / 16)
    assert list(corruption_errors(table).index) == list(BENCHMARK)


def test_the_fifteen_are_those_of_the_corruptions():
    """AlexNet's errors are given for exactly the corruptions that the package calls the benchmark."""
    assert set(BENCHMARK) == set(BENCHMARK_CORRUPTIONS)


def test_mean_corruption_error_by_hand():
    """Each corruption is normalised before averaging: (0.2 / 0.4 + 0.6 / 0.8) / 2."""
    errors, dense = pd.Series({"fog": 0.2, "snow": 0.6}), pd.Series({"snow": 0.8, "fog": 0.4})
    assert mean_corruption_error(errors, dense) == pytest.approx(62.5)
    assert math.isnan(mean_corruption_error(errors, pd.Series({"fog": 0.0, "snow": 0.5})))


def test_relative_corruption_error_by_hand():
    """Only what corruption adds counts: ((0.2 - 0.1) / (0.4 - 0.2) + (0.6 - 0.1) / (0.7 - 0.2)) / 2."""
    errors, dense = pd.Series({"fog": 0.2, "snow": 0.6}), pd.Series({"fog": 0.4, "snow": 0.7})
    assert relative_corruption_error(errors, 0.1, dense, 0.2) == pytest.approx(75.0)


def test_alexnet_scores_100_against_itself():
    """A network with AlexNet's errors has mCE and relative mCE 100 by definition."""
    alexnet = cells(1 - ALEXNET_CLEAN_ERROR, **{name: [1 - error] for name, error in ALEXNET_ERROR.items()})
    values = error_metrics(alexnet, None, alexnet=True)
    assert values["mce_alexnet"] == pytest.approx(100)
    assert values["relative_mce_alexnet"] == pytest.approx(100)
    assert math.isnan(values["mce"])


def test_published_accuracies_of_a_resnet50_give_its_published_mce():
    """Error of AlexNet scaled to 76.38% everywhere is mCE 76.38, and a perfect network has mCE 0."""
    scaled = cells(0.8, **{name: [1 - 0.7638 * error] for name, error in ALEXNET_ERROR.items()})
    assert error_metrics(scaled, None, alexnet=True)["mce_alexnet"] == pytest.approx(76.38)
    perfect = cells(1.0, **{key: [1.0] for key in BENCHMARK})
    assert error_metrics(perfect, scaled, alexnet=False)["mce"] == 0
    assert np.isclose(error_metrics(scaled, scaled, alexnet=False)["mce"], 100)
