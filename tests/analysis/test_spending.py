import numpy as np
import pytest
from scipy import stats

from dst_robustness.analysis.spending import nominal_levels, obrien_fleming, pocock

# Published boundaries of five equal looks, one-sided 2.5% (the tables of the R package ldbounds).
PUBLISHED = {
    obrien_fleming: [4.8769, 3.3569, 2.6803, 2.2898, 2.0310],
    pocock: [2.4380, 2.4268, 2.4101, 2.3966, 2.3859],
}


@pytest.mark.parametrize("spending", PUBLISHED)
def test_boundaries_are_the_published_ones(spending):
    """The recursion over looks is the part that cannot be seen to be right."""
    levels = nominal_levels((1, 2, 3, 4, 5), 0.025, spending)
    assert stats.norm.isf(levels) == pytest.approx(PUBLISHED[spending], abs=2e-3)


@pytest.mark.parametrize("spending", [obrien_fleming, pocock])
def test_one_look_spends_everything(spending):
    """A study of fixed size is the special case of a single look."""
    assert nominal_levels((7,), 0.01, spending) == pytest.approx([0.01])


def test_smaller_errors_have_farther_boundaries_at_every_look():
    """Otherwise a freed error could take a verdict back, and Holm's steps would not be nested."""
    ladder = np.array([nominal_levels((3, 5, 9, 30), 0.025 / rows, obrien_fleming) for rows in (1, 2, 16, 500)])
    assert (np.diff(ladder, axis=0) < 0).all()
    assert (ladder > 0).all()
