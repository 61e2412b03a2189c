import math

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

RUN = ["name"]


def cells(clean: float, run: str = "net", **corruptions: list[float]) -> pd.DataFrame:
    """Return the cells of one run; corruptions are accuracies by severity."""
    rows = [(run, "clean", "clean", 0, clean, 0.1, 1.0)]
    for name, values in corruptions.items():
        rows += [(run, name, "noise", level, value, 0.2, 2.0) for level, value in enumerate(values, start=1)]
    return pd.DataFrame(rows, columns=["name", "corruption", "category", "severity", "accuracy", "ece", "nll"])


def test_robust_accuracy_is_the_uniform_mean_over_cells():
    """Clean images do not count; every corruption x severity counts the same; runs do not mix."""
    both = pd.concat(
        [cells(0.9, fog=[0.8, 0.6], snow=[0.5, 0.1]), cells(0.1, "other", fog=[0.0, 0.0], snow=[0.0, 0.0])]
    )
    values = run_metrics(both, RUN)
    assert values.loc["net", "clean_accuracy"] == 0.9
    assert values["robust_accuracy"].to_dict() == pytest.approx({"net": 0.5, "other": 0.0})
    assert values.loc["net", "accuracy_severity_2"] == pytest.approx(0.35)
    assert values.loc["net", "accuracy_noise"] == pytest.approx(0.5)
    assert (values.loc["net", "clean_ece"], values.loc["net", "robust_nll"]) == (0.1, 2.0)
    assert values["robust_accuracy_15"].isna().all()


def test_robust_accuracy_over_the_fifteen_leaves_the_extra_ones_out():
    """The benchmark's own mean is comparable with published numbers; spatter and others were meant for validation."""
    table = cells(0.9, **{name: [0.5] for name in BENCHMARK}, spatter=[1.0])
    values = run_metrics(table, RUN).loc["net"]
    assert values["robust_accuracy_15"] == pytest.approx(0.5)
    assert values["robust_accuracy"] == pytest.approx((15 * 0.5 + 1) / 16)
    assert list(corruption_errors(table, RUN).columns) == list(BENCHMARK)


def test_the_fifteen_are_those_of_the_corruptions():
    """AlexNet's errors are given for exactly the corruptions that the package calls the benchmark."""
    assert set(BENCHMARK) == set(BENCHMARK_CORRUPTIONS)


def test_mean_corruption_error_by_hand():
    """Each corruption is normalised before averaging: (0.2 / 0.4 + 0.6 / 0.8) / 2; no error to compare with is NaN."""
    errors = pd.DataFrame({"fog": [0.2, 0.2], "snow": [0.6, 0.6]}, index=["a", "b"])
    dense = pd.DataFrame({"snow": [0.8, 0.5], "fog": [0.4, 0.0]}, index=["a", "b"])
    assert mean_corruption_error(errors, dense).to_dict() == pytest.approx({"a": 62.5, "b": math.nan}, nan_ok=True)
    assert mean_corruption_error(errors, dense.loc["a"]).tolist() == pytest.approx([62.5, 62.5])


def test_relative_corruption_error_by_hand():
    """Only what corruption adds counts: ((0.2 - 0.1) / (0.4 - 0.2) + (0.6 - 0.1) / (0.7 - 0.2)) / 2."""
    errors, dense = pd.DataFrame({"fog": [0.2], "snow": [0.6]}), pd.DataFrame({"fog": [0.4], "snow": [0.7]})
    assert relative_corruption_error(errors, pd.Series([0.1]), dense, pd.Series([0.2])).tolist() == pytest.approx(
        [75.0]
    )


def test_mean_corruption_error_is_against_the_dense_run_of_the_same_seed():
    """Dense is 100 by definition, half its errors are 50, and a run without a dense run has none."""
    table = pd.concat([cells(0.9, "dense", fog=[0.6]), cells(0.95, "half", fog=[0.8]), cells(0.9, "lost", fog=[0.5])])
    values = error_metrics(table, RUN, pd.Index(["dense", "dense", "nobody"], name="name"), alexnet=False)
    assert values["mce"].tolist() == pytest.approx([100, 50, math.nan], nan_ok=True)
    assert values["relative_mce"].tolist() == pytest.approx([100, 50, math.nan], nan_ok=True)


def test_alexnet_scores_100_against_itself_and_scaled_errors_scale():
    """A network with AlexNet's errors has mCE and relative mCE 100, one with 76.38% of them 76.38."""
    alexnet = cells(1 - ALEXNET_CLEAN_ERROR, **{name: [1 - error] for name, error in ALEXNET_ERROR.items()})
    scaled = cells(0.8, "scaled", **{name: [1 - 0.7638 * error] for name, error in ALEXNET_ERROR.items()})
    dense = pd.Index(["nobody", "nobody"], name="name")
    values = error_metrics(pd.concat([alexnet, scaled]), RUN, dense, alexnet=True)
    assert values["mce_alexnet"].tolist() == pytest.approx([100, 76.38])
    assert values.loc["net", "relative_mce_alexnet"] == pytest.approx(100)
    assert values["mce"].isna().all()
