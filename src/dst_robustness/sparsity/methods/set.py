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

    Attributes:
        regrown: the value of a weight that one update drops and grows again: "keep" it, or "zero" it.
    """

    name: ClassVar[str] = "set"
    label: ClassVar[str] = "SET"
    dynamic: ClassVar[bool] = True
    dst: ClassVar[bool] = True

    regrown: str = "keep"  # type: ignore[misc]  # what the other methods do not let one choose

    def __post_init__(self) -> None:
        if self.regrown not in ("keep", "zero"):
            raise ValueError(f"regrown is {self.regrown!r}; allowed: keep, zero")

    def grow_score(self, weight: Tensor, gradient: Tensor, generator: Generator) -> Tensor:
        return scores.uniform(weight, generator)
