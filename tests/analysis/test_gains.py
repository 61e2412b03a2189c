import numpy as np
import pandas as pd
import pytest

from dst_robustness.analysis.gains import corruption_order, gains_by, relative_gains

BASELINE_ROWS = pd.DataFrame({"scenario": ["s"], "method": ["dense"], "verdict": ["baseline"]})


def test_relative_gain_by_hand():
    """DST at 0.55 and 0.65 over dense at 0.5 is +20%; static masks, clean images and 90% sparsity do not enter."""
    cells = pd.DataFrame(
        [
            ("dense", 0.0, "fog", 0.5), ("set", 0.1, "fog", 0.55), ("rigl", 0.5, "fog", 0.65), ("set", 0.9, "fog", 0.1),
            ("static", 0.1, "fog", 0.1), ("dense", 0.0, "clean", 0.9), ("set", 0.1, "clean", 0.9),
            ("set", 0.1, "snow", 0.9),
        ],
        columns=["method", "sparsity", "corruption", "accuracy"],
    ).assign(scenario="s", dataset="d", model="m", category="weather", severity=1)  # fmt: skip
    rows = pd.DataFrame({"method": ["dense", "set", "rigl", "static"], "dynamic": [False, True, True, False]}).assign(
        verdict=["baseline", "holds", "holds", "fails"], scenario="s", trained_here=True
    )
    gains = relative_gains(cells, rows)
    assert gains["corruption"].tolist() == ["fog"]
    assert gains["relative_gain"].tolist() == pytest.approx([0.2])


def test_gains_by_category_and_severity_are_paired_by_seed():
    """Without a dense run, seed 1 of SET counts in the accuracy, 0.6, and not in the gain, 0.7 - 0.5."""
    cells = pd.DataFrame(
        [
            ("dense", 0.0, 0, "snow", "weather", 1, 0.5), ("set", 0.1, 0, "snow", "weather", 1, 0.6),
            ("set", 0.1, 0, "fog", "weather", 1, 0.8), ("dense", 0.0, 0, "fog", "weather", 1, 0.5),
            ("set", 0.1, 1, "fog", "weather", 1, 0.5), ("dense", 0.0, 0, "fog", "noise", 2, 0.4),
            ("set", 0.1, 0, "fog", "noise", 2, 0.3), ("set", 0.1, 0, "clean", "clean", 0, 1.0),
        ],
        columns=["method", "sparsity", "seed", "corruption", "category", "severity", "accuracy"],
    ).assign(scenario="s", dataset="d", model="m")  # fmt: skip
    for part, (first, second) in {"category": ("weather", "noise"), "severity": (1, 2)}.items():
        found = gains_by(cells, BASELINE_ROWS, part).set_index(["method", "part"])
        assert found.loc[("set", first), "accuracy"] == pytest.approx(0.6)
        assert found.loc[("set", first), "gain"] == pytest.approx(0.2)
        assert found.loc[("set", second), ["accuracy", "gain"]].tolist() == pytest.approx([0.3, -0.1])
        assert found.loc[("dense", first), ["accuracy", "gain"]].tolist() == [0.5, 0.0]
    alone = gains_by(cells[cells["method"] == "set"], BASELINE_ROWS, "category")
    assert alone["gain"].isna().all()


def test_gains_over_a_baseline_that_has_sparsities():
    """Static masks at 0.1 and 0.5: SET at 0.5 is measured against the latter, and dense against none of both."""
    cells = pd.DataFrame(
        [("static", 0.1, 0.3), ("static", 0.5, 0.4), ("set", 0.5, 0.6), ("dense", 0.0, 0.7)],
        columns=["method", "sparsity", "accuracy"],
    ).assign(scenario="s", dataset="d", model="m", seed=0, corruption="fog", category="weather", severity=1)
    found = gains_by(cells, BASELINE_ROWS.assign(method="static"), "category").set_index("method")["gain"]
    assert found["set"] == pytest.approx(0.2)
    assert np.isnan(found["dense"])


def test_corruptions_are_ordered_by_falling_high_frequency_share():
    """Most high frequencies first; the given order where a share is not known."""
    shares = pd.DataFrame(
        {
            "dataset": "d",
            "corruption": ["fog", "noise", "noise"],
            "severity": [1, 1, 2],
            "high_frequency_share": [0.1, 0.6, 0.8],
        }
    )
    assert corruption_order(["fog", "noise"], "d", shares) == (["noise", "fog"], True)
    assert corruption_order(["fog", "snow"], "d", shares) == (["fog", "snow"], False)
    assert corruption_order(["fog"], "d", None) == (["fog"], False)


def test_each_network_from_elsewhere_has_relative_gains_of_its_own():
    """It may be of another architecture than its baseline: 0.6 beside 0.5 is +20%, 0.4 is -20%."""
    cells = pd.DataFrame({"method": ["ours", "theirs", "third"], "model": ["a", "b", "a"], "accuracy": [0.5, 0.6, 0.4]})
    cells = cells.assign(scenario="ours", dataset="d", sparsity=0.0, corruption="fog", category="weather", severity=1)
    rows = pd.DataFrame({"method": cells["method"], "scenario": "ours", "dynamic": False, "trained_here": False})
    gains = relative_gains(cells, rows.assign(verdict=["baseline", "holds", "fails"])).set_index("whose")
    assert gains["relative_gain"].to_dict() == pytest.approx({"theirs": 0.2, "third": -0.2})
