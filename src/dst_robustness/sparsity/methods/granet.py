"""GraNet: prune gradually over all layers together, and let each layer regrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dst_robustness.sparsity import scores
from dst_robustness.sparsity.methods.set import Set
from dst_robustness.sparsity.schedules import CubicDensity, UpdateSchedule

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class GraNetRandom(Set):
    """Gradual pruning with zero-cost neuroregeneration, random growth.

    Liu et al., "Sparse Training via Boosting Pruning Plasticity with Neuroregeneration", 2021, arXiv:2106.10404. An
    update first prunes all layers together by magnitude to the density of the cubic schedule, then each layer drops
    and regrows the drop fraction of what it has left.

    Attributes:
        initial_density: the density at the start; by default that of the given masks, else 0.8, or 1 if the target is
            denser than that.
    """

    name: ClassVar[str] = "granet_r"
    label: ClassVar[str] = "GraNet-r"
    global_budget: ClassVar[bool] = True

    initial_density: float | None = None

    def budget(self, density: float, schedule: UpdateSchedule) -> CubicDensity:
        default = 0.8 if density <= 0.8 else 1.0
        initial = default if self.initial_density is None else self.initial_density
        return CubicDensity(initial, density, max(0, schedule.first - schedule.interval), schedule.last)


@dataclass(frozen=True)
class GraNetGradient(GraNetRandom):
    """Gradual pruning with zero-cost neuroregeneration that grows the largest abs(dense gradient), as published."""

    name: ClassVar[str] = "granet_g"
    label: ClassVar[str] = "GraNet-g"
    needs_gradient: ClassVar[bool] = True
    dense_gradient: ClassVar[bool] = True

    def grow_score(self, weight: Tensor, gradient: Tensor, generator: Generator) -> Tensor:
        return scores.magnitude(gradient)
