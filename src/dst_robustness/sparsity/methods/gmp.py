"""GMP: gradual magnitude pruning, without growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dst_robustness.sparsity.methods.base import Method
from dst_robustness.sparsity.schedules import CubicDensity, UpdateSchedule


@dataclass(frozen=True)
class GMP(Method):
    """Gradual magnitude pruning along a cubic schedule; nothing grows.

    Zhu and Gupta, "To prune, or not to prune", 2017, arXiv:1710.01878.

    Attributes:
        initial_density: the density at the start; by default that of the given masks, else 1.
        layerwise: whether each layer is pruned to its share by the distribution. If not, all are pruned together.
    """

    name: ClassVar[str] = "gmp"
    label: ClassVar[str] = "GMP"
    dynamic: ClassVar[bool] = True

    initial_density: float | None = None
    layerwise: bool = False

    @property
    def global_budget(self) -> bool:  # type: ignore[override]
        return not self.layerwise

    def budget(self, density: float, schedule: UpdateSchedule) -> CubicDensity:
        initial = 1.0 if self.initial_density is None else self.initial_density
        return CubicDensity(initial, density, max(0, schedule.first - schedule.interval), schedule.last)

    def survivors(self, active: int, final: int, target: int, drop_fraction: float) -> int:
        return final
