from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dst_robustness.analysis.bootstrap import Estimate
from dst_robustness.analysis.verdict import corrected, holm, overall, verdict
from dst_robustness.analysis.words import in_range


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
    assert verdict(0.001, 0.06, 0.04) == "equivalent"
    assert verdict(0.001, 0.04, 0.04) == "holds"


def test_both_questions_share_the_error():
    """One row may be falsely found to differ and another falsely equivalent: two thirds and one third of 5%."""
    differs, equivalent = corrected(np.array([0.01, 0.04, np.nan]), np.array([0.01, 0.9, np.nan]))
    assert differs == pytest.approx([1.5 * 0.02, 1.5 * 0.04, np.nan], nan_ok=True)
    assert equivalent == pytest.approx([3 * 0.02, 1, np.nan], nan_ok=True)
    differs, equivalent = corrected(np.array([0.04]), np.array([0.02]))
    assert (differs[0], equivalent[0]) == pytest.approx((0.04, 0.04))


def test_the_hypothesis_is_about_ten_to_fifty_percent():
    """The ends belong to the range, whatever rounding did to them."""
    assert [in_range(s) for s in (0.0, 0.1, 0.3, 0.1 + 0.2 + 0.2, 0.6)] == [False, True, True, True, False]


def estimate(value: float, error: float) -> Estimate:
    deviations = np.random.default_rng(0).normal(0, error, 10_000)
    return Estimate(value, np.zeros(10_000), deviations - deviations.mean(), seeds=3, degrees=2)


ROWS = pd.DataFrame(
    {"scenario": ["a", "a", "b", "b"], "verdict": ["holds", "undecided", "fails", "equivalent"],
     "sparsity": [0.1, 0.5, 0.1, 0.1]}
)  # fmt: skip


def judge(rows: pd.DataFrame, pooled: Estimate | None, **options: object):
    return overall(rows, pooled, rows, margin=0.005, **options)


@pytest.mark.parametrize(
    ("gain", "answer"), [(0.01, "supported"), (-0.01, "contradicted"), (0.0005, "equivalent"), (0.003, "undecided")]
)
def test_overall_answer_follows_the_pooled_interval(gain, answer):
    """The sentence gives the counts too, but one lucky row does not decide."""
    found = judge(ROWS, estimate(gain, 0.002))
    assert found.answer == answer
    assert (found.holds, found.fails, found.equivalent, found.undecided, found.scenarios) == (1, 1, 1, 1, 2)
    assert {"equivalent": "differ by less than 0.5 points"}.get(answer, answer) in found.sentence
    assert "2 scenarios" in found.sentence
    assert "It holds in 1 of 4 comparisons" in found.sentence


def test_the_sentence_names_the_sparsities_and_spells_out_the_names():
    """A reader of the abstract knows neither DST nor DSCR, nor what was tested."""
    sentence = judge(ROWS, estimate(0.01, 0.002)).sentence
    assert sentence.startswith("The Dynamic Sparsity Corruption Robustness (DSCR) hypothesis, that Dynamic Sparse")
    assert "at 10% and 50% sparsity" in sentence
    three = ROWS.assign(sparsity=[0.1, 0.25, 0.5, 0.5])
    assert "at 10%, 25% and 50% sparsity" in judge(three, estimate(0.01, 0.002)).sentence


def test_an_undecided_study_says_what_it_could_have_seen():
    """Two seeds mostly leave a verdict open: that is a statement about the study, not about the methods."""
    sentence = judge(ROWS, replace(estimate(0.001, 0.01), seeds=2)).sentence
    assert "With 2 seeds, a gain or loss below about" in sentence
    assert "With" not in judge(ROWS, estimate(0.05, 0.002)).sentence


@pytest.mark.parametrize(("gain", "words"), [(0.05, "recognise more"), (-0.05, "recognise fewer"), (0.0, "told apart")])
def test_one_seed_speaks_of_networks_and_says_so_first(gain, words):
    """Two networks that differ do not support a hypothesis about methods."""
    found = judge(ROWS, replace(estimate(gain, 0.01), seeds=1, degrees=0))
    assert found.answer == "undecided"
    assert found.sentence.startswith("One seed only: this speaks of these trained networks, not of the methods.")
    assert words in found.sentence
    assert not any(word in found.sentence for word in ("supported", "contradicted", "holds"))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["holds", "holds", "undecided"], "supported"),
        (["holds", "undecided", "undecided"], "undecided"),
        (["holds", "holds", "fails"], "undecided"),
        (["fails", "fails", "equivalent"], "contradicted"),
        (["equivalent", "equivalent", "undecided"], "equivalent"),
        (["equivalent", "equivalent", "holds"], "undecided"),
    ],
)
def test_a_study_that_looks_several_times_is_answered_from_its_words(words, answer):
    """The pooled interval does not know how often it was looked at."""
    rows = pd.DataFrame({"scenario": "a", "verdict": words, "sparsity": 0.1})
    found = judge(rows, estimate(0.05, 0.002), looks=True)
    assert found.answer == answer
    assert "if it had been looked at once" in found.sentence


def test_studies_without_dst_have_a_headline_of_their_own():
    """Checkpoints and single methods are no comparison, and a study that has only begun is none yet."""
    rows = pd.DataFrame(
        {"scenario": "digits", "method": ["dense", "static"], "sparsity": [0.0, 0.5], "seeds": [1, 3], "dynamic": False,
         "trained_here": True, "verdict": "undecided",
         "robust_accuracy": [0.5, 0.612], "robust_accuracy_low": [0.4, 0.6], "robust_accuracy_high": [0.6, 0.625]}
    )  # fmt: skip
    sentence = overall(rows.iloc[:0], None, rows, margin=0.005).sentence
    assert "it has no run of Dynamic Sparse Training" in sentence
    assert "the most robust of its 2 rows is static at 50% sparsity on digits, with 61.2% robust accuracy" in sentence
    assert "1 seed, so this is over test images only" in overall(rows.iloc[:0], None, rows[:1], margin=0.005).sentence
    assert "no baseline run" in overall(rows.iloc[:0], None, rows.assign(dynamic=True), margin=0.005).sentence
    assert overall(rows.iloc[:0], None, rows.iloc[:0], margin=0.005).sentence == "No run is complete yet."


def test_networks_that_are_only_tested_have_a_headline_without_the_hypothesis():
    """Nobody who tests checkpoints asks about dynamic sparse training; the gain is beside their own baseline."""
    rows = pd.DataFrame(
        {"scenario": "ours", "dataset": "cifar10_c", "method": ["ours", "theirs"], "sparsity": 0.0, "seeds": 1,
         "dynamic": False, "trained_here": False, "verdict": ["baseline", "undecided"],
         "robust_accuracy": [0.5, 0.612],
         "robust_accuracy_low": [0.4, 0.6], "robust_accuracy_high": [0.6, 0.625], "gain": [np.nan, 0.112],
         "gain_low": [np.nan, 0.1], "gain_high": [np.nan, 0.125]}
    )  # fmt: skip
    assert overall(rows.iloc[:0], None, rows, margin=0.005).sentence == (
        "Under corruption, the most robust of the 2 networks is theirs, with 61.2% robust accuracy on cifar10_c (95% "
        "interval 60.0 to 62.5; over test images, so of these networks only). That is +11.20 points beside ours (95% "
        "interval +10.00 to +12.50)."
    )
    alone = overall(rows.iloc[:0], None, rows[:1].assign(gain=0.0), margin=0.005).sentence
    assert alone.startswith("Under corruption, ours has 50.0% robust accuracy on cifar10_c (95%")
    assert alone.endswith("of these networks only).")


def test_two_seeds_that_agree_by_chance_decide_nothing_alone():
    """The pooled gain is far from zero by its own spread; without a row that says so the study is undecided."""
    two = replace(estimate(-0.01, 0.0001), seeds=2, degrees=1)
    assert judge(ROWS[ROWS["verdict"] == "undecided"], two).answer == "undecided"
    assert judge(ROWS[ROWS["verdict"] == "fails"], two).answer == "contradicted"
