"""What makes a weight worth keeping or growing: pure functions of tensors, the higher the better.

Nothing here imports torch, so that the methods can be asked for their properties without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def magnitude(weight: Tensor) -> Tensor:
    """Return abs(w)."""
    return weight.abs()


def magnitude_and_gradient(weight: Tensor, gradient: Tensor, gradient_weight: float) -> Tensor:
    """Return abs(w) + lambda abs(gradient)."""
    return weight.abs().add_(gradient.abs(), alpha=gradient_weight)


def uniform(weight: Tensor, generator: Generator) -> Tensor:
    """Return independent uniform numbers in [0, 1), one a weight: the largest k of them are a uniform random choice."""
    return weight.new_empty(weight.shape).uniform_(generator=generator)
