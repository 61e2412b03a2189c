import numpy as np
import pytest

from dst_robustness.analysis.attribution import STEPS, Step, attribute, moving, sentence


def rung(value: float, seeds: int = 3) -> dict[int, np.ndarray]:
    """Return runs that recognise every image equally often, each seed a little better than the last."""
    return {seed: np.full(4, value + 0.01 * seed) for seed in range(seeds)}


LADDER = [rung(0.50), rung(0.49), rung(0.52), rung(0.53), rung(0.55), rung(0.56)]


def test_steps_by_hand_sum_to_the_gain():
    """Each step is the difference of two neighbours, and nothing is lost between them."""
    steps = attribute(LADDER)
    assert [step.step for step in steps] == list(STEPS)
    assert [step.difference for step in steps] == pytest.approx([-0.01, 0.03, 0.01, 0.02, 0.01])
    assert sum(step.difference for step in steps) == pytest.approx(0.06, abs=1e-15)
    assert {step.seeds for step in steps} == {3}


def test_steps_merge_where_a_rung_is_missing():
    """Without the smaller network the effect of capacity is unknown, so it is one step with sparsity."""
    steps = attribute([LADDER[0], None, LADDER[2], {}, {}, LADDER[5]])
    assert [(step.step, round(step.difference, 9)) for step in steps] == [
        ("capacity+sparsity", 0.02), ("allocation+topology+dynamics", 0.04),
    ]  # fmt: skip


def test_only_seeds_of_all_rungs_count():
    """A step over other seeds than its neighbour would not sum to any gain."""
    assert {step.seeds for step in attribute([*LADDER[:4], rung(0.55, seeds=2), LADDER[5]])} == {2}
    assert attribute([LADDER[0], {7: np.zeros(4)}, *LADDER[2:]]) == []


def test_a_ladder_without_ends_is_refused():
    """There is no gain to take apart."""
    with pytest.raises(ValueError, match="the first and the last must be there"):
        attribute([None, *LADDER[1:]])


def test_what_moving_adds_to_a_random_mask():
    """The last three steps together, with an interval of their own."""
    moved = moving(LADDER)
    assert (moved.step, moved.seeds) == ("allocation+topology+dynamics", 3)
    assert moved.difference == pytest.approx(0.04)
    assert moving([LADDER[0], LADDER[1], None, *LADDER[3:]]) is None


def test_the_sentence():
    """This is the sentence in the report, word for word."""
    steps = [Step("capacity+sparsity", 0.011, 0, 0, 5), Step("allocation+topology+dynamics", 0.002, -0.001, 0.005, 5)]
    assert sentence("RigL", 0.5, steps, steps[1]) == (
        "RigL at 50% sparsity: of +1.3 points, +1.1 come with a random mask; moving connections adds +0.2 [-0.1, +0.5] "
        "(5 seeds)."
    )


def test_known_steps_are_recovered():
    """95% intervals of the steps of 400 simulated ladders contain the true ones in 93% to 97%."""
    truth, generator, covered = np.array([-0.01, 0.03, 0.0, 0.01, 0.005]), np.random.default_rng(0), 0
    levels = 0.5 + np.concatenate([[0], truth.cumsum()])
    for _ in range(400):
        images = generator.normal(0, 0.2, 200)
        rungs = [
            {
                seed: level + images + taste + generator.normal(0, 0.01) + generator.normal(0, 0.1, 200)
                for seed in range(5)
            }
            for level, taste in ((level, generator.normal(0, 0.05, 200)) for level in levels)
        ]
        covered += sum(step.low <= true <= step.high for step, true in zip(attribute(rungs), truth, strict=True))
    assert 0.93 < covered / 2000 < 0.97
