"""Schedules: when, how much, how dense."""

import numpy as np
import pytest

from dst_robustness.sparsity.schedules import (
    ConstantDensity,
    CubicDensity,
    DropFraction,
    SoftMemoryBound,
    UpdateSchedule,
)


def test_updates_come_at_the_interval_and_before_the_end():
    """The end is in optimiser steps and exclusive, as in RigL."""
    schedule = UpdateSchedule(interval=100, first=200, end=500)
    assert list(schedule.steps) == [200, 300, 400]
    assert schedule.last == 400
    assert UpdateSchedule(*np.array([100, 200, 500])).last == 400  # whole numbers of other libraries


def test_a_training_too_short_for_any_update_is_an_error():
    """A dynamic method must not silently become a static one."""
    with pytest.raises(ValueError, match="no topology update fits"):
        UpdateSchedule(interval=100, first=100, end=100)


@pytest.mark.parametrize(
    ("shape", "expected"), [("cosine", [0.4, 0.2, 0.0]), ("linear", [0.4, 0.2, 0.0]), ("constant", [0.4, 0.4, 0.4])]
)
def test_drop_fraction_at_start_middle_and_end(shape, expected):
    """All shapes start at the initial fraction; the annealed ones end at zero."""
    fraction = DropFraction(0.4, end=100, shape=shape)
    assert [fraction.at(step) for step in (0, 50, 100)] == pytest.approx(expected)


def test_cosine_is_not_linear():
    """At a quarter of the way the cosine has fallen by (1 - cos(pi/4)) / 2."""
    assert DropFraction(1 - 1e-9, end=4).at(1) == pytest.approx(0.8535534)


@pytest.mark.parametrize("bad", [{"initial": 1.0}, {"initial": -0.1}, {"initial": 0.3, "shape": "step"}])
def test_impossible_drop_fractions_are_errors(bad):
    """A layer cannot drop everything, and shapes have names."""
    with pytest.raises(ValueError, match="allowed"):
        DropFraction(end=10, **bad)


def test_cubic_density_by_hand():
    """0.5 + 0.3 (1 - t)^3 from 0.8 to 0.5."""
    budget = CubicDensity(0.8, 0.5, start=100, end=300)
    assert [budget.at(step) for step in (0, 100, 200, 300, 900)] == pytest.approx([0.8, 0.8, 0.5375, 0.5, 0.5])


def test_initial_density_below_the_target_is_an_error():
    """The published code takes it and grows."""
    with pytest.raises(ValueError, match=r"initial_density is 0\.4"):
        CubicDensity(0.4, 0.5, start=0, end=1)


def test_soft_memory_bound_is_kept_until_the_last_update():
    """Density 1.1 d between updates, d at the end, never above 1."""
    assert [SoftMemoryBound(0.5, (0.1,), end=300).at(step) for step in (0, 299, 300)] == pytest.approx(
        [0.55, 0.55, 0.5]
    )
    assert SoftMemoryBound(0.95, (0.1,), end=300).at(0) == 1.0


def test_soft_memory_bound_in_steps():
    """EM&S: sparsity 0.85, 0.875, 0.9 on the way to 0.9."""
    budget = SoftMemoryBound(0.1, (0.5, 0.25, 0.0), end=300)
    assert [budget.at(step) for step in (0, 99, 100, 200, 300)] == pytest.approx([0.15, 0.15, 0.125, 0.1, 0.1])


def test_constant_density():
    """Fixed budgets stay."""
    assert ConstantDensity(0.3).at(7) == 0.3
