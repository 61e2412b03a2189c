"""Stratified choices: exact, balanced, nested and repeatable."""

import numpy as np
import pytest

from dst_robustness.sets.splits import carve, stratified

LABELS = np.array([0] * 50 + [1] * 30 + [2] * 20)


def test_every_class_keeps_its_share_exactly():
    assert np.bincount(LABELS[stratified(LABELS, 10, seed=0)]).tolist() == [5, 3, 2]


def test_what_does_not_divide_goes_to_the_largest_remainders():
    """11 of 50/30/20 is 5.5, 3.3 and 2.2: the eleventh goes to the first class."""
    assert np.bincount(LABELS[stratified(LABELS, 11, seed=0)]).tolist() == [6, 3, 2]


@pytest.mark.parametrize("count", [0, 1, 7, 99, 100])
def test_the_count_is_exact_and_rows_are_distinct_and_ascending(count):
    rows = stratified(LABELS, count, seed=3)
    assert len(rows) == count
    assert np.all(np.diff(rows) > 0)


def test_a_seed_gives_one_choice_and_another_seed_another():
    np.testing.assert_array_equal(stratified(LABELS, 20, seed=1), stratified(LABELS, 20, seed=1))
    assert not np.array_equal(stratified(LABELS, 20, seed=1), stratified(LABELS, 20, seed=2))


def test_a_smaller_choice_lies_inside_a_larger_one():
    assert set(stratified(LABELS, 10, seed=0)) <= set(stratified(LABELS, 50, seed=0))


def test_train_and_validation_share_nothing_and_miss_nothing():
    stay, apart = carve(LABELS, 0.1, seed=0)
    assert sorted([*stay, *apart]) == list(range(100))
    assert np.bincount(LABELS[apart]).tolist() == [5, 3, 2]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, 0.001])
def test_a_fraction_that_leaves_a_split_empty_is_refused(fraction):
    with pytest.raises(ValueError, match="validation_fraction"):
        carve(LABELS, fraction, seed=0)


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match="cannot choose 101 of 100"):
        stratified(LABELS, 101, seed=0)
