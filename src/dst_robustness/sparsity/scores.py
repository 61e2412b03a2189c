"""Scores by which weights are kept or grown: pure functions of tensors; higher is better.

Nothing here imports torch, so that the properties of methods can be read without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def magnitude(weight: Tensor) -> Tensor:
    """Return abs(w)."""
    return weight.abs()


def magnitude_and_gradient(weight: Tensor, gradient: Tensor, gradient_weight: float) -> Tensor:
    """Return abs(w) + lambda abs(gradient)."""
    return weight.abs().add_(gradient.abs(), alpha=gradient_weight)


def gradients(loss: Tensor, weights: Mapping[str, Tensor], *, create_graph: bool = False) -> list[Tensor]:
    """Return the gradient of a loss for each weight. Raises ValueError, with names, if the loss depends on none."""
    import torch

    found = torch.autograd.grad(loss, list(weights.values()), create_graph=create_graph, allow_unused=True)
    if missing := [name for name, gradient in zip(weights, found, strict=True) if gradient is None]:
        raise ValueError(f"the loss does not depend on {', '.join(missing)}: exclude such layers, or use them")
    return list(found)


def uniform(weight: Tensor, generator: Generator) -> Tensor:
    """Return a uniform number in [0, 1) for each weight. The k largest are a uniformly random choice of k weights."""
    return weight.new_empty(weight.shape).uniform_(generator=generator)
