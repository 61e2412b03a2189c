"""MEST: weights and gradients decide what is dropped, under a soft bound on memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dst_robustness.sparsity import scores
from dst_robustness.sparsity.methods.set import Set
from dst_robustness.sparsity.schedules import SoftMemoryBound, UpdateSchedule

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class MestRandom(Set):
    """Memory-Economic Sparse Training (EM) with random growth.

    Yuan et al., "MEST: Accurate and Fast Memory-Economic Sparse Training Framework on the Edge", 2021,
    arXiv:2110.14032. An update drops the smallest abs(w) + lambda abs(gradient) until (1 - drop fraction) of the target
    density is left and grows until (1 + memory bound) of it is reached; the last update ends at the target. A sequence
    of bounds is EM&S: the network shrinks in steps, as in (0.5, 0.25, 0.0).

    Attributes:
        regrown: as for SET. MEST starts such a weight from zero.
        gradient_weight: lambda.
        memory_bound: by how much the density between updates may exceed the target, relative to it.
    """

    name: ClassVar[str] = "mest_r"
    label: ClassVar[str] = "MEST-r"
    needs_gradient: ClassVar[bool] = True

    regrown: str = "zero"  # type: ignore[misc]
    gradient_weight: float = 0.5
    memory_bound: float | Sequence[float] = 0.1

    def budget(self, density: float, schedule: UpdateSchedule) -> SoftMemoryBound:
        bounds = self.memory_bound if isinstance(self.memory_bound, Sequence) else (self.memory_bound,)
        return SoftMemoryBound(density, tuple(bounds), schedule.last)

    def survivors(self, active: int, final: int, target: int, drop_fraction: float) -> int:
        return min(active, final, target - round(drop_fraction * target))

    def keep_score(self, weight: Tensor, gradient: Tensor) -> Tensor:
        return scores.magnitude_and_gradient(weight, gradient, self.gradient_weight)


@dataclass(frozen=True)
class MestGradient(MestRandom):
    """Memory-Economic Sparse Training (EM) that grows the largest abs(dense gradient)."""

    name: ClassVar[str] = "mest_g"
    label: ClassVar[str] = "MEST-g"
    dense_gradient: ClassVar[bool] = True

    def grow_score(self, weight: Tensor, gradient: Tensor, generator: Generator) -> Tensor:
        return scores.magnitude(gradient)
