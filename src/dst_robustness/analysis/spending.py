"""How much of the allowed error each look at growing data spends, and the boundaries that follow."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import optimize, stats

# Takes a time in [0, 1] and the level, and returns the error that may be spent until then.
Spending = Callable[[float, float], float]
# The integral over the continuation region has this many nodes, and reaches down to this many standard deviations.
NODES, REACH = 300, 9.0


def pocock(time: float, level: float) -> float:
    """Return the error that Pocock's boundaries have spent by ``time`` (Lan and DeMets 1983): similar at each look."""
    return level * float(np.log1p((np.e - 1) * time))


def obrien_fleming(time: float, level: float) -> float:
    """Return the error that O'Brien-Fleming boundaries have spent by ``time`` (Lan and DeMets 1983): most late."""
    return 2 * float(stats.norm.sf(stats.norm.isf(level / 2) / np.sqrt(time)))


@cache
def nominal_levels(seeds: tuple[int, ...], level: float, spending: Spending) -> np.ndarray:
    """Return the one-sided level at which each look tests, so that all looks together err with chance ``level``.

    The sums of normal values have independent increments from look to look. The chance that look k is the first to
    cross is what ``spending`` grants between looks k - 1 and k. The density of the means that have not crossed is
    carried from look to look (Armitage, McPherson and Rowe 1969).

    Args:
        seeds: number of seeds at each look, rising. The time of a look is its share of the last number.
        level: chance of an error on one side.
        spending: error that may be spent, as a function of time and level.
    """
    times = np.array(seeds) / seeds[-1]
    spent = np.diff([0.0, *(spending(time, level) for time in times)])
    levels = np.empty(len(seeds))
    levels[0] = spent[0]
    boundary = stats.norm.isf(spent[0]) * np.sqrt(times[0])
    nodes, weights = _nodes(boundary, times[0])
    density = weights * stats.norm.pdf(nodes, scale=np.sqrt(times[0]))
    for look in range(1, len(seeds)):
        step, scale = np.sqrt(times[look] - times[look - 1]), np.sqrt(times[look])
        excess = lambda b: density @ stats.norm.sf((b - nodes) / step) - spent[look]  # noqa: B023, E731
        boundary = optimize.brentq(excess, -5 * scale, 40 * scale, xtol=1e-10)
        levels[look] = stats.norm.sf(boundary / scale)
        following, weights = _nodes(boundary, times[look])
        density = weights * (density @ stats.norm.pdf((following[None, :] - nodes[:, None]) / step) / step)
        nodes = following
    return levels


def _nodes(boundary: float, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre nodes and weights for the region below a boundary."""
    nodes, weights = _legendre()
    low = -REACH * np.sqrt(time)
    high = min(boundary, REACH * np.sqrt(time))
    return low + (nodes + 1) * (high - low) / 2, weights * (high - low) / 2


@cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)
