import numpy as np
import pandas as pd
import pytest

from dst_robustness.analysis.contrasts import frequency_slope, mean_shares, noise_minus_blur

CATEGORIES = {"gaussian_noise": "noise", "shot_noise": "noise", "defocus_blur": "blur", "fog": "weather"}


def test_noise_minus_blur_by_hand():
    """The mean under two kinds of noise minus that under one blur; weather does not count."""
    weights = noise_minus_blur(list(CATEGORIES), CATEGORIES)
    assert weights.tolist() == [0.5, 0.5, -1.0, 0.0]
    assert weights @ np.array([0.6, 0.8, 0.5, 0.9]) == pytest.approx(0.2)
    assert noise_minus_blur(["shot_noise", "fog"], CATEGORIES) is None


def test_slope_over_the_share_of_high_frequencies():
    """A gain of 0.1 + 0.3 share has the slope 0.3; without shares, or with one share for all, there is none."""
    shares = {"a": 0.1, "b": 0.5, "c": 0.7}
    weights = frequency_slope(["c", "a", "b"], shares)
    assert weights @ (0.1 + 0.3 * np.array([0.7, 0.1, 0.5])) == pytest.approx(0.3)
    assert frequency_slope(["a", "d"], shares) is None
    assert frequency_slope(["a"], shares) is None


def test_shares_are_averaged_over_severities():
    """One number a corruption, of the data set that is asked for."""
    table = pd.DataFrame(
        {
            "dataset": ["d", "d", "e"],
            "corruption": "fog",
            "severity": [1, 2, 1],
            "high_frequency_share": [0.2, 0.4, 0.9],
        }
    )
    assert mean_shares(table, "d") == pytest.approx({"fog": 0.3})
    assert mean_shares(None, "d") == {}
