"""RigL: SET that grows where the gradient is largest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dst_robustness.sparsity import scores
from dst_robustness.sparsity.methods.set import Set

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class RigL(Set):
    """The Rigged Lottery: drops the smallest abs(w), grows the largest abs(dense gradient).

    Evci et al., "Rigging the Lottery: Making All Tickets Winners", 2020, arXiv:1911.11134, algorithm 1.
    """

    name: ClassVar[str] = "rigl"
    label: ClassVar[str] = "RigL"
    needs_gradient: ClassVar[bool] = True
    dense_gradient: ClassVar[bool] = True

    def grow_score(self, weight: Tensor, gradient: Tensor, generator: Generator) -> Tensor:
        return scores.magnitude(gradient)
