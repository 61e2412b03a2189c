"""Schedules over optimiser steps: when the topology changes, how much of it, and how dense the network is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Protocol


def default_interval(total_steps: int) -> int:
    """Return the optimiser steps between topology updates: a fortieth of the training, at least 1 and at most 100."""
    return min(100, max(1, total_steps // 40))


@dataclass(frozen=True)
class UpdateSchedule:
    """Topology updates after the steps first, first + interval, ... before ``end``; steps count from 1.

    Raises ValueError if no update fits, because a dynamic method would then silently be static.
    """

    interval: int
    first: int
    end: int

    def __post_init__(self) -> None:
        if not all(isinstance(value, Integral) and value >= 1 for value in (self.interval, self.first)):
            raise ValueError(
                f"update_interval and first_update are {self.interval} and {self.first}; allowed: whole numbers above 0"
            )
        if not self.steps:
            raise ValueError(
                f"no topology update fits into the training: the first is due after step {self.first}, "
                f"updates end before step {self.end}; lower update_interval or train longer"
            )

    @property
    def steps(self) -> range:
        return range(self.first, self.end, self.interval)

    @property
    def last(self) -> int:
        return self.steps[-1]


@dataclass(frozen=True)
class DropFraction:
    """The share of a layer's active weights that an update drops: ``initial`` at step 0, annealed until ``end``.

    ``shape`` is "cosine" (Dettmers and Zettlemoyer, 2019, arXiv:1907.04840), "linear" or "constant".
    """

    initial: float
    end: int
    shape: str = "cosine"

    def __post_init__(self) -> None:
        if not 0 <= self.initial < 1:
            raise ValueError(f"drop_fraction is {self.initial}; allowed: from 0 to below 1")
        if self.shape not in ("cosine", "linear", "constant"):
            raise ValueError(f"drop_schedule is '{self.shape}'; allowed: cosine, linear, constant")

    def at(self, step: int) -> float:
        if self.shape == "constant":
            return self.initial
        progress = min(1.0, step / self.end)
        if self.shape == "linear":
            return self.initial * (1 - progress)
        return self.initial / 2 * (1 + math.cos(math.pi * progress))


class DensityBudget(Protocol):
    """The density of the network after the update at ``step``; step 0 is the start."""

    def at(self, step: int) -> float: ...


@dataclass(frozen=True)
class ConstantDensity:
    """One density from the first step to the last."""

    density: float

    def at(self, step: int) -> float:
        return self.density


@dataclass(frozen=True)
class CubicDensity:
    """From ``initial`` at step ``start`` to ``final`` at step ``end``, fast at first (Zhu and Gupta, 2017, eq. 1)."""

    initial: float
    final: float
    start: int
    end: int

    def __post_init__(self) -> None:
        if not self.final <= self.initial <= 1:
            raise ValueError(
                f"initial_density is {self.initial:g}; allowed: from the target density {self.final:g} to 1"
            )

    def at(self, step: int) -> float:
        if step >= self.end:
            return self.final
        progress = max(0.0, (step - self.start) / (self.end - self.start))
        return self.final + (self.initial - self.final) * (1 - progress) ** 3


@dataclass(frozen=True)
class SoftMemoryBound:
    """At most 1, and (1 + bound) times ``density`` until the last update at step ``end``; ``density`` from then on.

    With several bounds, each holds for an equal part of the steps up to ``end``.
    """

    density: float
    bounds: tuple[float, ...]
    end: int

    def __post_init__(self) -> None:
        if not self.bounds or any(bound < 0 for bound in self.bounds):
            raise ValueError(f"memory_bound is {self.bounds}; allowed: one or several numbers from 0 up")

    def at(self, step: int) -> float:
        if step >= self.end:
            return self.density
        bound = self.bounds[step * len(self.bounds) // self.end]
        return min(1.0, (1 + bound) * self.density)
