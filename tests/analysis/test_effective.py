import numpy as np
import pytest
from scipy import special, stats

from dst_robustness.analysis.effective import Answers, Line, effective_robustness


def flat(clean: float, robust: float) -> Answers:
    """Return a row whose three runs recognise every image equally often."""
    return Answers(np.full((3, 10), clean), np.full((3, 10), robust))


def on_line(clean: float, above: float = 0.0) -> Answers:
    """Return a row on the line y = -0.5 + 0.8 x, or above it by so much robust accuracy."""
    return flat(clean, stats.norm.cdf(-0.5 + 0.8 * stats.norm.ppf(clean)) + above)


DENSE = [on_line(clean) for clean in (0.6, 0.7, 0.8, 0.9)]


def test_points_on_a_line_give_the_line():
    line = Line.through([item.point for item in DENSE])
    assert (line.slope, line.at(0.0), line.scatter) == pytest.approx((0.8, -0.5, 0.0), abs=1e-7)


def test_what_lies_above_the_line_is_effective_robustness():
    """Two points above the line at a clean accuracy that no dense network has."""
    value, low, high = effective_robustness(on_line(0.75, 0.02), DENSE)
    assert value == pytest.approx(0.02)
    assert low == pytest.approx(high, abs=1e-6)


def test_three_points_give_no_line():
    """An interval needs at least two degrees of freedom. Points of one accuracy give no line either."""
    assert effective_robustness(on_line(0.75), DENSE[:3]) is None
    assert effective_robustness(on_line(0.75), [on_line(0.7)] * 4) is None
    assert effective_robustness(flat(1.0, 0.5), DENSE) is None


@pytest.mark.parametrize("rows", [4, 8])
def test_the_known_distance_is_recovered(rows):
    """Dense rows scatter around the line, seeds and images around each row: 95% intervals cover in 93% to 98%."""
    generator, covered, studies = np.random.default_rng(rows), 0, 200
    scatter, images = 0.01, 200
    x = stats.norm.ppf(np.linspace(0.6, 0.85, rows))
    for _ in range(studies):
        easiness = generator.normal(0, 1, images)

        def answers(x, y, easiness=easiness):
            """Return three runs; probit terms of images and seeds give the chance that an image is recognised."""
            own = easiness + generator.normal(0, 0.2, images)
            seeds = generator.normal(0, 0.01, (2, 3, 1))
            scale = np.sqrt(1 + 1.04 + 0.0001)
            chance = special.ndtr([x * scale + own + seeds[0], y * scale + own + seeds[1]])
            return Answers(*(generator.random(chance.shape) < chance).astype(np.float32))

        dense = [answers(value, -0.3 + 0.9 * value + generator.normal(0, scatter)) for value in x]
        above = 0.05
        found = effective_robustness(answers(0.7, -0.3 + 0.9 * 0.7 + above), dense)
        truth = stats.norm.cdf(-0.3 + 0.63 + above) - stats.norm.cdf(-0.3 + 0.63)
        covered += found[1] <= truth <= found[2]
    assert 0.93 <= covered / studies <= 0.98
