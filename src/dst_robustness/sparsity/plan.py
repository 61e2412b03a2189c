"""The plan of a training: when the topology changes, how dense each layer is then, and how much is replaced."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from torch import Tensor

from dst_robustness.sparsity.distributions import layer_counts
from dst_robustness.sparsity.masks import exact_counts
from dst_robustness.sparsity.methods.base import Method
from dst_robustness.sparsity.schedules import DensityBudget, DropFraction, UpdateSchedule

# The arguments of SparseTraining that make a plan.
PLANNED = (
    *("sparsity", "total_steps", "distribution", "update_interval"),
    *("drop_fraction", "drop_schedule", "first_update", "last_update"),
)


@dataclass(frozen=True)
class Plan:
    """What a method does at each step. Steps count from 1, and 0 is the start.

    Attributes:
        method: the method.
        schedule: the steps of topology updates; None for masks that never change.
        drop_fraction: the share of a layer's active weights that an update replaces, by step.
        budget: the density of the network, by step.
        counts: returns the number of active weights of each layer for a density of the network.
        targets: the number of active weights of each layer at the end of training.
        total: the number of maskable weights.
        forced: the layers that stay dense.
    """

    method: Method
    schedule: UpdateSchedule | None
    drop_fraction: DropFraction
    budget: DensityBudget
    counts: Callable[..., dict[str, int]]
    targets: Mapping[str, int]
    total: int
    forced: Collection[str]

    def due(self, step: int) -> bool:
        """Return whether the topology changes after a step."""
        return self.schedule is not None and step in self.schedule.steps

    def active(self, step: int) -> int:
        """Return how many weights of the network are active after the update of a step."""
        return round(self.budget.at(step) * self.total)

    @property
    def target(self) -> int:
        """How many weights of the network are active at the end of training."""
        return sum(self.targets.values())

    @property
    def movable(self) -> set[str]:
        """The layers whose masks may change although they are dense at the end."""
        shared = self.method.dynamic and self.method.global_budget
        return self.targets.keys() - set(self.forced) if shared else set()


def make_plan(
    method: Method,
    weights: Mapping[str, Tensor],
    masks: Mapping[str, Tensor] | None,
    forced: Collection[str],
    *,
    sparsity: float,
    total_steps: int,
    distribution: str,
    update_interval: int,
    drop_fraction: float,
    drop_schedule: str,
    first_update: int | None,
    last_update: float,
) -> Plan:
    """Return the plan of a method. The arguments are those of ``SparseTraining``, with the flat initial masks.

    Raises ValueError for an impossible plan.
    """
    end = round(last_update * total_steps)
    first = update_interval if first_update is None else first_update
    schedule = UpdateSchedule(update_interval, first, end) if method.dynamic else None
    density = 1 - sparsity if method.masks else 1.0
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    counts: Callable[..., dict[str, int]] = functools.partial(
        layer_counts, shapes, distribution=distribution, dense=forced
    )
    if masks is not None:
        counts = functools.partial(proportional_counts, masks)
    return Plan(
        method,
        schedule,
        DropFraction(drop_fraction, max(1, end), drop_schedule),
        method.budget(density, schedule),  # type: ignore[arg-type]  # dynamic methods alone read the schedule
        counts,
        counts(density),
        sum(math.prod(shape) for shape in shapes.values()),
        forced,
    )


def proportional_counts(
    masks: Mapping[str, Tensor], density: float, limits: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return how many weights each layer has at a total density, if they are distributed as in the given masks."""
    sizes = {name: mask.numel() for name, mask in masks.items()}
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    total = round(density * sum(sizes.values()))
    caps = [(limits or {}).get(name, size) for name, size in sizes.items()]
    quotas = [count * total / sum(counts.values()) for count in counts.values()]
    return dict(zip(masks, exact_counts(quotas, total, caps), strict=True))
