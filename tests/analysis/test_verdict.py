from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dst_robustness.analysis.bootstrap import Estimate
from dst_robustness.analysis.verdict import holm, in_range, overall, verdict


def test_holm_by_hand():
    """Sorted p-values times 4, 3, 2, 1, never falling; what is not there does not count."""
    adjusted = holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    assert adjusted == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_verdict_words():
    """Significant gain, significant loss, and neither."""
    assert verdict(0.01, 0.04) == "holds"
    assert verdict(-0.01, 0.04) == "fails"
    assert verdict(0.01, 0.06) == "undecided"
    assert verdict(np.nan, np.nan) == "undecided"


def test_the_hypothesis_is_about_ten_to_fifty_percent():
    """The ends belong to the range, whatever rounding did to them."""
    assert [in_range(s) for s in (0.0, 0.1, 0.3, 0.1 + 0.2 + 0.2, 0.6)] == [False, True, True, True, False]


def estimate(value: float, error: float) -> Estimate:
    deviations = np.random.default_rng(0).normal(0, error, 10_000)
    return Estimate(value, np.zeros(10_000), deviations - deviations.mean(), seeds=3, degrees=2)


ROWS = pd.DataFrame(
    {"scenario": ["a", "a", "b"], "verdict": ["holds", "undecided", "fails"]},
)


@pytest.mark.parametrize(("gain", "answer"), [(0.01, "supported"), (-0.01, "contradicted"), (0.001, "undecided")])
def test_overall_answer_follows_the_pooled_interval(gain, answer):
    """The counts are told beside it, but one lucky row does not decide."""
    found = overall(ROWS, estimate(gain, 0.002))
    assert found.answer == answer
    assert (found.holds, found.fails, found.undecided, found.scenarios) == (1, 1, 1, 2)
    assert answer in found.sentence
    assert "2 scenarios" in found.sentence
    assert "It holds in 1 of 3 comparisons" in found.sentence


def test_an_undecided_study_says_what_it_could_have_seen():
    """Two seeds mostly leave a verdict open: that is a statement about the study, not about the methods."""
    sentence = overall(ROWS, replace(estimate(0.001, 0.01), seeds=2)).sentence
    assert "With 2 seeds, a gain or loss below about" in sentence
    assert "With" not in overall(ROWS, estimate(0.05, 0.002)).sentence
    alone = overall(ROWS, replace(estimate(0.001, 0.01), seeds=1, degrees=0)).sentence
    assert "One seed only" in alone and "With 1" not in alone  # noqa: PT018


def test_overall_without_any_comparison_says_so():
    """A study that has only begun gets a sentence, not an error."""
    assert "cannot be judged" in overall(ROWS.iloc[:0], None).sentence
