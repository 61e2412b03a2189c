"""SET: drop the smallest weights, grow random ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dst_robustness.sparsity import scores
from dst_robustness.sparsity.methods.base import Method

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Set(Method):
    """Sparse Evolutionary Training: each update drops the smallest abs(w) of a layer and grows as many at random.

    Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by
    network science", 2018, arXiv:1707.04780.
    """

    dynamic: ClassVar[bool] = True

    def grow_score(self, weight: Tensor, gradient: Tensor, generator: Generator) -> Tensor:
        return scores.uniform(weight, generator)
