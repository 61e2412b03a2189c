"""Seeds until decided: look several times at a growing study, with a known chance of error.

A study looks at its data after ``first`` seeds and after every ``step`` more. At a look, a row (a method at a sparsity
in a scenario) may get a verdict. It ``holds`` or ``fails`` if its gain differs from zero. It is ``equivalent`` if its
gain lies within the margin. Else it is undecided and gets more seeds.

- The unit is a seed. It gives one number: the gain over the baseline's run of the same seed, averaged over cells and
  images. The test images are a second source of chance, which more seeds do not remove. The variance of both is that
  of the hierarchical bootstrap (``bootstrap.standard_errors``), with its corrections for few seeds.
- A boundary for normal means spends the error over the looks (``spending``) and gives each look its level. The level
  becomes a critical value with Student's quantile, in proportion to the seeds' share of the variance. The boundary
  counts seeds as time. Since all looks share the images, they are more alike than it assumes, and errors are rarer.
- Intervals use the boundary at the full error. With chance 1 - error they contain the gain at all looks at once, and
  so also at the look where a row stops (repeated confidence intervals, Jennison and Turnbull 1989).
- A row's sequential p-value is the smallest level whose boundary it has crossed, at this look or before. At each look
  Holm's procedure steps down on these: a decided row frees its error for the others, and their boundaries come closer
  (Ye et al. 2013; Maurer and Bretz 2013). Sequential p-values never rise, so a decided row stays decided, and rows may
  be at different looks. Only the levels error / rows left matter, so only these are compared.
- The two questions, different from zero and within the margin, are two families. Each has its own Holm procedure. One
  row cannot err in both: a gain of zero cannot be falsely equivalent, and a gain at the margin cannot falsely differ
  from zero. But of two rows, each can err in one. So the families share the error 2 to 1. That gives both the same
  boundary, since the first has two sides. A study of one row needs no sharing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from scipy import stats

from dst_robustness.analysis.bootstrap import blend, seed_share, standard_errors, strict_exponent
from dst_robustness.analysis.spending import Spending, nominal_levels, obrien_fleming
from dst_robustness.analysis.words import EQUIVALENT, FAILS, HOLDS, UNDECIDED, one_sided_error

# With two seeds the error holds (benchmarks/sequential_looks.py). One seed does not show its own spread.
FEWEST = 2
HIGHEST_MARGIN = 0.2
MARGIN = 0.005
# The boundaries are computed for normal means. Student's statistics differ more from look to look: looking after every
# seed would err in 5.5% of studies instead of 5%. So the looks get nine tenths of the error.
STUDENT = 0.9
SMALLEST = 1e-300
Row = TypeVar("Row", bound=Hashable)


@dataclass(frozen=True)
class Looks:
    """After how many seeds a study looks at its data.

    Attributes:
        first: seeds at the first look.
        step: seeds from one look to the next.
        last: seeds at the last look, even if no step ends there.
        error: chance of any false verdict, over all looks and rows.
        over: whose rows share the error: those of the ``study``, or those of each ``scenario``.
    """

    first: int = 5
    step: int = 5
    last: int = 30
    error: float = 0.05
    over: str = "study"

    def __post_init__(self) -> None:
        for name in ("first", "step", "last"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ValueError(f"looks: {name} is {value!r}; it must be a whole number of seeds")
        if self.first < FEWEST:
            raise ValueError(
                f"looks: first is {self.first}; it must be at least {FEWEST}: one seed does not show its own spread"
            )
        if self.step < 1:
            raise ValueError(f"looks: step is {self.step}; it must be at least 1")
        if self.last < self.first:
            raise ValueError(f"looks: last is {self.last}, below first, {self.first}; it must be at least that")
        if isinstance(self.error, bool) or not 0 < self.error < 0.5:
            raise ValueError(f"looks: error is {self.error!r}; it must be above 0 and below 0.5")

    @property
    def seeds(self) -> tuple[int, ...]:
        """Number of seeds at each look."""
        return (*range(self.first, self.last, self.step), self.last)

    def reached(self, seeds: int) -> int:
        """Return the seeds of the latest look that this many seeds allow; 0 before the first."""
        return max((count for count in self.seeds if count <= seeds), default=0)

    def following(self, seeds: int) -> int | None:
        """Return the seeds of the next look of a row that has this many; None after the last."""
        return next((count for count in self.seeds if count > seeds), None)

    def families(self, rows: Mapping[Row, str]) -> list[list[Row]]:
        """Return the rows that share the error, each group for itself.

        Args:
            rows: the scenario of each row.
        """
        if self.over == "study":
            return [list(rows)]
        return [[row for row in rows if rows[row] == scenario] for scenario in dict.fromkeys(rows.values())]


@dataclass(frozen=True)
class Decision:
    """What is known about one row.

    Attributes:
        verdict: ``holds``, ``fails``, ``equivalent`` or ``undecided``.
        low, high: the repeated confidence interval of the gain; NaN before the first look.
        seeds: number of seeds behind the verdict: those of the deciding or else the latest look; 0 before the first.
        decided: whether the row has its final verdict and needs no more seeds.
    """

    verdict: str
    low: float
    high: float
    seeds: int
    decided: bool


@dataclass(frozen=True)
class Evidence:
    """The numbers of a row at each of K looks: means and standard errors over its first seeds, float [K].

    They are NaN at looks that the row has not reached.
    """

    mean: np.ndarray
    seed_error: np.ndarray
    image_error: np.ndarray


def look(gains: Mapping[Row, np.ndarray], plan: Looks, margin: float = MARGIN) -> dict[Row, Decision]:
    """Return the decision on each of the rows that share the error, at its latest look.

    The same arrays give the same decisions, and further seeds do not change decided rows. Earlier looks are repeated
    from the first seeds of an array, so nothing else has to be stored.

    Args:
        gains: for each row the gain of each seed on each test image, float [seeds so far, images], as shares in
            [-1, 1], in the order in which the seeds were run. Rows may have different numbers of seeds and images.
            All of these rows must be given, also those decided before.
        plan: after how many seeds the study looks.
        margin: the gain that matters, as a share.

    Raises:
        ValueError: in one line, if an array does not hold gains, or if the margin is not above 0 and at most 0.2.
    """
    check_margin(margin)
    if not gains:
        raise ValueError("look: no rows to look at")
    return decide({row: evidence(values, plan, row) for row, values in gains.items()}, plan, margin)


def check_margin(margin: float) -> None:
    """Raise ValueError unless the margin is a share above 0 and at most 0.2 (20 points)."""
    if isinstance(margin, bool) or not 0 < margin <= HIGHEST_MARGIN:
        raise ValueError(
            f"margin is {margin!r}; it must be above 0 and at most {HIGHEST_MARGIN} (a share: 0.005 is 0.5 points)"
        )


def evidence(gains: np.ndarray, plan: Looks, row: Hashable = "") -> Evidence:
    """Return the numbers at each look from one row's gains [seeds so far, images]."""
    gains = np.asarray(gains)
    place = f"look: gains of {row!r}"
    if gains.ndim != 2 or 0 in gains.shape:
        raise ValueError(f"{place} have the shape {gains.shape}; expected [seeds, images], at least one of each")
    if gains.dtype.kind not in "fiu":
        raise ValueError(f"{place} are {gains.dtype}; expected numbers")
    if not np.isfinite(gains).all():
        raise ValueError(f"{place} hold values that are not finite")
    if np.abs(gains).max() > 1:
        raise ValueError(f"{place} reach {np.abs(gains).max():g}; expected shares in [-1, 1], not points")
    found = np.full((3, len(plan.seeds)), np.nan)
    for index, count in enumerate(plan.seeds):
        if count <= len(gains):
            found[:, index] = (gains[:count].mean(dtype=np.float64), *standard_errors(gains[:count]))
    return Evidence(*found)


def decide(rows: Mapping[Row, Evidence], plan: Looks, margin: float) -> dict[Row, Decision]:
    """Return the decision on each of the rows that share the error, from its numbers at the looks."""
    stacked = Evidence(*(np.stack([getattr(row, name) for row in rows.values()]) for name in Evidence.__annotations__))
    words, looks, low, high = step_down(stacked, plan, margin)
    return {
        row: Decision(
            verdict=str(words[i]),
            low=float(low[i]),
            high=float(high[i]),
            seeds=plan.seeds[looks[i]] if looks[i] >= 0 else 0,
            decided=bool(words[i] != UNDECIDED),
        )
        for i, row in enumerate(rows)
    }


def step_down(
    seen: Evidence, plan: Looks, margin: float, spending: Spending = obrien_fleming
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return verdict, deciding or latest look (its index, -1 for none yet), low and high of rows [..., R].

    The leading dimensions are studies.

    Args:
        seen: the numbers of the rows at their looks, [..., R, K].
    """
    rows = seen.mean.shape[-2]
    error, share = np.hypot(seen.seed_error, seen.image_error), seed_share(seen.seed_error, seen.image_error)
    distance = np.abs(seen.mean)

    def reach(left: np.ndarray) -> np.ndarray:
        return _critical(left, share, one_sided_error(plan.error, rows), plan.seeds, spending) * error

    differs, within = np.zeros((2, *distance.shape[:-1]), bool)
    stopped = np.isfinite(seen.mean).sum(axis=-1) - 1
    for index in range(len(plan.seeds)):
        open_rows, past = ~(differs | within), slice(0, index + 1)
        new_differs, at = _holm(differs, open_rows, lambda left: (distance > reach(left))[..., past])  # noqa: B023
        new_within, near = _holm(within, open_rows, lambda left: (distance + reach(left) < margin)[..., past])  # noqa: B023
        stopped = np.where(open_rows & new_within, near, stopped)
        stopped = np.where(open_rows & new_differs, at, stopped)
        differs, within = new_differs, new_within
    mean, width, part = (
        np.take_along_axis(values, np.maximum(stopped, 0)[..., None], axis=-1)[..., 0]
        for values in (seen.mean, error, share)
    )
    words = np.where(differs, np.where(mean > 0, HOLDS, FAILS), np.where(within, EQUIVALENT, UNDECIDED))
    normal, student, power = _tables(plan.seeds, plan.error / 2, spending)
    half = blend(part, student[stopped], normal[stopped], power[stopped]) * width
    return words, stopped, np.maximum(mean - half, -1), np.minimum(mean + half, 1)


def _holm(
    found: np.ndarray, open_rows: np.ndarray, crossed: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows [..., R] Holm's procedure decides, and at which look.

    It stops when no decided row frees enough error for another.

    Args:
        crossed: takes the number of rows left [..., 1, 1] and returns whether rows cross at each look [..., R, looks].
    """
    while True:
        left = np.maximum(1, (~found).sum(axis=-1))[..., None, None]
        crossings = crossed(left)
        more = found | (open_rows & crossings.any(axis=-1))
        if (more == found).all():
            return found, crossings.argmax(axis=-1)
        found = more


def _critical(
    left: np.ndarray, share: np.ndarray, error: float, seeds: tuple[int, ...], spending: Spending
) -> np.ndarray:
    """Return the critical values [..., R, K] in studies with ``left`` [..., 1, 1] rows that are not decided yet."""
    numbers, where = np.unique(left, return_inverse=True)
    tables = np.array([_tables(seeds, error / number, spending) for number in numbers])[where.reshape(left.shape[:-2])]
    normal, student, power = (tables[..., None, place, :] for place in range(3))
    return blend(share, student, normal, power)


@cache
def _tables(seeds: tuple[int, ...], level: float, spending: Spending) -> tuple[np.ndarray, ...]:
    """Return the normal and Student's quantiles at which each look tests, and the exponents for ``blend``."""
    granted = level if len(seeds) == 1 else STUDENT * level
    levels = np.maximum(nominal_levels(seeds, granted, spending), SMALLEST)
    normal, student = stats.norm.isf(levels), stats.t.isf(levels, np.array(seeds) - 1)
    return normal, student, strict_exponent(student, normal)
