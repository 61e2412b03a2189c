"""SNIP: keep the weights that the loss is most sensitive to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dst_robustness.sparsity import scores
from dst_robustness.sparsity.methods.base import Average, Method

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Snip(Method):
    """Single-shot network pruning: before training, keeps the largest abs(g w) of all layers together.

    Lee et al., "SNIP: Single-shot Network Pruning based on Connection Sensitivity", 2019, arXiv:1810.02340, eq. 6.
    """

    name: ClassVar[str] = "snip"
    label: ClassVar[str] = "SNIP"
    needs_loss: ClassVar[bool] = True
    global_budget: ClassVar[bool] = True

    def initial_scores(
        self, weights: Mapping[str, Tensor], loss: Callable[[], Tensor], average: Average
    ) -> list[Tensor]:
        gradients = scores.gradients(loss(), weights)
        average(gradients)
        return [(gradient * weight).abs() for gradient, weight in zip(gradients, weights.values(), strict=True)]
