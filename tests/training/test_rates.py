"""Learning-rate schedules at the steps where they turn."""

import pytest

from dst_robustness.training.rates import learning_rate


def test_step_schedule_falls_at_half_and_three_quarters() -> None:
    """The schedule of the study: x 0.1 at 1/2 and 3/4."""
    rates = [learning_rate(step, 8, peak=1.0, schedule="step") for step in range(8)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_schedule_anneals_to_zero() -> None:
    """From the peak through one half to (nearly) nothing."""
    assert learning_rate(0, 100, peak=2.0, schedule="cosine") == 2.0
    assert learning_rate(50, 100, peak=2.0, schedule="cosine") == pytest.approx(1.0)
    assert learning_rate(100, 100, peak=2.0, schedule="cosine") == pytest.approx(0.0)


def test_warm_up_is_linear_and_ends_at_the_peak() -> None:
    """The first step already learns."""
    rates = [learning_rate(step, 100, peak=1.0, schedule="constant", warmup_steps=4) for step in range(5)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_unknown_schedule() -> None:
    """The allowed ones are named."""
    with pytest.raises(ValueError, match=r"unknown schedule 'exp'\. Allowed: step, cosine, constant"):
        learning_rate(0, 1, peak=1.0, schedule="exp")
