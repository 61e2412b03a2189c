"""The figure of gains stays legible where a few rows know little."""

import pandas as pd
import pytest

from dst_robustness.reporting.figures.gains import shown


def test_a_very_long_interval_does_not_set_the_scale():
    """Rows before an early look have intervals of 20 points: beside them a gain of one point would not be seen."""
    half = pd.Series([0.01, 0.01, 0.2])
    gains = pd.DataFrame({"gain": [0.01, -0.01, 0.0], "margin": 0.005})
    gains["gain_low"], gains["gain_high"] = gains["gain"] - half, gains["gain"] + half
    low, high = shown(gains)
    assert (low, high) == pytest.approx((-3.3, 3.3))  # three times the median of 1 point, and a twentieth at each end
