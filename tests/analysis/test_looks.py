import dataclasses

import numpy as np
import pytest
from scipy import stats

from dst_robustness.analysis import Decision, Looks, look
from dst_robustness.analysis.looks import Evidence, step_down

PLAN = Looks(first=3, step=3, last=9)


def gains(means: list[float], images: int = 4) -> np.ndarray:
    """Return gains [seeds, images] without any spread between images."""
    return np.repeat(np.array(means)[:, None], images, axis=1)


def spread(centre: float, seeds: int, by: float = 0.0001) -> list[float]:
    """Return the means of seeds that alternate around a centre."""
    return [centre + by * (-1) ** seed for seed in range(seeds)]


def test_looks_come_at_the_steps_and_at_the_end():
    """A last look that is no whole step away still takes place."""
    assert Looks(5, 5, 30).seeds == (5, 10, 15, 20, 25, 30)
    assert Looks(4, 3, 9).seeds == (4, 7, 9)
    assert Looks(5, 5, 5).seeds == (5,)
    assert [PLAN.reached(count) for count in (2, 3, 5, 9, 40)] == [0, 3, 3, 9, 9]
    assert [PLAN.following(count) for count in (0, 3, 4, 9)] == [3, 6, 6, None]


def test_the_four_words():
    """Above zero, below it, within the margin, and none of these."""
    rows = {
        "up": gains(spread(0.02, 9)), "down": gains(spread(-0.02, 9)), "same": gains(spread(0.0, 9)),
        "open": gains(spread(0.0, 9, by=0.05)),
    }  # fmt: skip
    found = look(rows, PLAN)
    assert {row: decision.verdict for row, decision in found.items()} == {
        "up": "holds", "down": "fails", "same": "equivalent", "open": "undecided",
    }  # fmt: skip
    assert {row: decision.decided for row, decision in found.items()} == {
        "up": True, "down": True, "same": True, "open": False,
    }  # fmt: skip
    assert found["up"].low > 0
    assert found["down"].high < 0
    assert -0.005 < found["same"].low < found["same"].high < 0.005


def test_a_gain_inside_the_margin_and_above_zero_holds():
    """Two verdicts fit, and the stronger one is given."""
    assert look({"small": gains(spread(0.003, 9))}, PLAN)["small"].verdict == "holds"


def test_one_look_at_one_row_is_students_interval():
    """Three seeds, one look, images without spread: the t-interval by hand."""
    decision = look({"row": gains([0.01, 0.02, 0.03])}, Looks(3, 1, 3))["row"]
    half = stats.t.ppf(0.975, 2) * 0.01 / np.sqrt(3)
    assert (decision.low, decision.high) == pytest.approx((0.02 - half, 0.02 + half))
    assert (decision.verdict, decision.seeds) == ("undecided", 3)


def test_images_widen_the_interval():
    """The test set is a sample, too. No number of seeds makes it larger."""
    images = np.random.default_rng(0).normal(0, 0.1, 400)
    wide = look({"row": gains(spread(0.0, 9), 400) + images}, PLAN)["row"]
    assert wide.high - wide.low == pytest.approx(2 * 2 * images.std() / 20, rel=0.1)


def test_further_seeds_do_not_change_a_decided_row():
    """A word is given once: the study stops there, and what comes later is another study."""
    early, later = spread(0.02, 6), [-0.5, -0.4, -0.6]
    first = look({"row": gains(early)}, PLAN)["row"]
    assert (first.verdict, first.seeds) == ("holds", 3)
    assert look({"row": gains(early + later)}, PLAN)["row"] == first


def test_seeds_between_two_looks_are_not_looked_at():
    """Only the looks of the plan count, so that nobody can look more often by interrupting the study."""
    assert look({"row": gains(spread(0.0, 5, by=0.02))}, PLAN)["row"].seeds == 3
    before = look({"row": gains(spread(0.02, 2))}, PLAN)["row"]
    assert (before.verdict, before.seeds, before.decided) == ("undecided", 0, False)
    assert np.isnan(before.low)


def evidence(ratios: list[float]) -> Evidence:
    """Return one look at rows whose means are so many standard errors from zero, all of it from images."""
    mean = np.array(ratios)[:, None]
    return Evidence(mean * 0.1, np.zeros_like(mean), np.full_like(mean, 0.1))


def test_a_row_that_was_found_frees_error_for_the_others():
    """Holm: with four rows 2.3 standard errors are not enough, once three others are found they are."""
    plan = Looks(3, 1, 3)
    assert step_down(evidence([2.3, 0, 0, 0]), plan, 0.005)[0].tolist() == ["undecided"] * 4
    assert step_down(evidence([2.3, 9, -9, 9]), plan, 0.005)[0].tolist() == ["holds", "holds", "fails", "holds"]


def test_a_word_for_a_difference_frees_no_error_for_equivalence():
    """Rows at the margin are found to differ and may still be falsely equivalent, so they count until the end."""
    plan = Looks(3, 1, 3)
    reach = stats.norm.isf(0.05 / 3 / 2)
    margin = 0.1 * (reach - 0.1)  # within reach of the last of two rows, not of the first
    assert step_down(evidence([0.0, 9.0]), plan, margin)[0].tolist() == ["undecided", "holds"]
    assert step_down(evidence([0.0]), plan, margin)[0].tolist() == ["equivalent"]


def test_rows_may_be_at_different_looks():
    """Decided rows get no more seeds, and stay what they are while others go on."""
    rows = {"done": gains(spread(0.02, 6)), "open": gains(spread(0.0, 6, by=0.05), 7)}
    early = look(rows, PLAN)
    late = look({**rows, "open": gains(spread(0.0, 9, by=0.05), 7)}, PLAN)
    assert early["done"] == late["done"]
    assert (late["done"].seeds, late["open"].seeds) == (3, 9)


def test_false_words_and_coverage_in_simulated_studies():
    """500 studies of four rows without a gain: the allowed 5%, and what 500 studies can tell."""
    plan, generator = Looks(3, 3, 12), np.random.default_rng(2)
    seeds = generator.normal(0, 0.01, (500, 4, 12)) + generator.normal(0, 0.01, (500, 1, 12))
    parts = [seeds[..., :count] for count in plan.seeds]
    mean = np.stack([part.mean(axis=-1) for part in parts], axis=-1)
    error = np.stack([part.std(axis=-1, ddof=1) / np.sqrt(part.shape[-1]) for part in parts], axis=-1)
    words, _, low, high = step_down(Evidence(mean, error, np.zeros_like(mean)), plan, 0.005)
    false = np.isin(words, ["holds", "fails"]).any(axis=-1).mean()
    assert 0 < false < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)
    assert ((low <= 0) & (high >= 0)).mean() > 0.93


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": 1}, "first is 1; it must be at least"),
        ({"first": 6, "last": 5}, "last is 5, below first"),
        ({"step": 0}, "step is 0"),
        ({"first": 5.0}, "whole number"),
        ({"last": True}, "whole number"),
        ({"error": 0}, "error is 0"),
        ({"error": 5}, "error is 5"),
        ({"error": float("nan")}, "error is nan"),
    ],
)
def test_impossible_plans_are_refused(options, message):
    """One line that says what is wrong and what is allowed."""
    with pytest.raises(ValueError, match=message) as error:
        Looks(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "margin", "message"),
    [
        ({}, 0.005, "no rows"),
        ({"a": np.zeros(3)}, 0.005, "shape"),
        ({"a": np.zeros((3, 0))}, 0.005, "shape"),
        ({"a": np.array([["x"]])}, 0.005, "numbers"),
        ({"a": np.full((3, 2), np.nan)}, 0.005, "finite"),
        ({"a": np.full((3, 2), 1.5)}, 0.005, "not points"),
        ({"a": np.zeros((3, 2))}, 0, "margin is 0"),
        ({"a": np.zeros((3, 2))}, 0.5, "at most 0.2"),
        ({"a": np.zeros((3, 2))}, float("nan"), "margin is nan"),
    ],
)
def test_what_is_no_gain_is_refused(rows, margin, message):
    """One line that names the row."""
    with pytest.raises(ValueError, match=message) as error:
        look(rows, PLAN, margin)
    assert "\n" not in str(error.value)


def test_a_decision_is_a_plain_record():
    """Others store it by the names of its fields."""
    assert [field.name for field in dataclasses.fields(Decision)] == ["verdict", "low", "high", "seeds", "decided"]


def test_a_scenario_can_be_decided_as_if_it_were_a_study():
    """Rows of other scenarios take error from a row only where the study says that they share it."""
    scenarios = {("narrow", "set"): "narrow", ("wide", "set"): "wide", ("wide", "rigl"): "wide"}
    assert Looks().families(scenarios) == [list(scenarios)]
    alone = Looks(over="scenario").families(scenarios)
    assert alone == [[("narrow", "set")], [("wide", "set"), ("wide", "rigl")]]
    seen = {("narrow", "set"): gains(spread(0.0085, 9, by=0.01)), ("wide", "set"): gains(spread(0.0, 9, by=0.05))}
    assert look(seen, PLAN)["narrow", "set"].verdict == "undecided"
    assert look({("narrow", "set"): seen["narrow", "set"]}, PLAN)["narrow", "set"].verdict == "holds"
