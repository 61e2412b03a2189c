import pandas as pd
import pytest

from dst_robustness.analysis.gains import corruption_order, relative_gains


def test_relative_gain_by_hand():
    """DST at 0.55 and 0.65 over dense at 0.5 is +20%; static masks, clean images and 90% sparsity do not enter."""
    cells = pd.DataFrame(
        [
            ("dense", 0.0, "fog", 0.5), ("set", 0.1, "fog", 0.55), ("rigl", 0.5, "fog", 0.65), ("set", 0.9, "fog", 0.1),
            ("static", 0.1, "fog", 0.1), ("dense", 0.0, "clean", 0.9), ("set", 0.1, "clean", 0.9),
            ("set", 0.1, "snow", 0.9),
        ],
        columns=["method", "sparsity", "corruption", "accuracy"],
    ).assign(dataset="d", model="m", category="weather", severity=1)  # fmt: skip
    rows = pd.DataFrame({"method": ["dense", "set", "rigl", "static"], "dynamic": [False, True, True, False]})
    gains = relative_gains(cells, rows)
    assert gains["corruption"].tolist() == ["fog"]
    assert gains["relative_gain"].tolist() == pytest.approx([0.2])


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
