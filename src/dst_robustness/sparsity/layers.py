"""The weights of a model with their masks: what is active, and that the rest is exactly zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_KEEP_ZEROS = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.RMSprop,
)


def keeps_zeros(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether a weight stays exactly zero under the optimiser if it, its gradient and its states are zero."""
    return isinstance(optimizer, _KEEP_ZEROS)


@dataclass
class SparseLayer:
    """A weight of shape [...] with its mask, in which 1 is active and 0 inactive.

    The mask has the dtype and memory layout of the weight: multiplying by it is then several times as fast as filling
    by a bool tensor. ``is_active`` is the same mask as a flat bool tensor in the order of the indices, ``ever_active``
    the union of all such masks so far; ``active`` counts the present one.
    """

    name: str
    weight: nn.Parameter
    mask: Tensor
    is_active: Tensor
    ever_active: Tensor
    active: int

    @classmethod
    def from_mask(cls, name: str, weight: nn.Parameter, mask: Tensor) -> SparseLayer:
        """Return the layer with a flat bool mask on the weight's device; the weight is not yet zeroed."""
        layer = cls(name, weight, torch.empty_like(weight, requires_grad=False), mask, mask.clone(), int(mask.sum()))
        layer.set_mask(mask)
        return layer

    def set_mask(self, mask: Tensor) -> None:
        """Take over a bool mask, flat or of the weight's shape, which must not be written to afterwards."""
        self.is_active = mask.reshape(-1)
        self.mask.copy_(mask.view(self.mask.shape))

    @torch.no_grad()
    def zero_inactive(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero the inactive weights, and every optimiser state of their shape there."""
        states = optimizer.state.get(self.weight, {}).values()
        same = [state for state in states if torch.is_tensor(state) and state.shape == self.weight.shape]
        for tensor in (self.weight, *same):
            tensor.mul_(self.mask)


class SparseWeights:
    """All maskable weights of a model, some of them in sparse layers and the others dense.

    Attributes:
        weights: every maskable weight by parameter name.
        layers: those with a mask.
        total: the number of maskable weights.
        always_active: how many of them are outside the sparse layers.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], layers: Iterable[SparseLayer]) -> None:
        self.weights = dict(weights)
        self.layers = list(layers)
        self.total = sum(weight.numel() for weight in self.weights.values())
        self.always_active = self.total - sum(layer.weight.numel() for layer in self.layers)

    @property
    def masks(self) -> dict[str, Tensor]:
        """{parameter name: bool mask of its shape} for every maskable weight, those that are dense too."""
        masks = {layer.name: layer.mask.bool() for layer in self.layers}
        return {
            name: masks[name] if name in masks else torch.ones_like(weight, dtype=torch.bool)
            for name, weight in self.weights.items()
        }

    @property
    def density(self) -> float:
        """The share of the maskable weights that are active now."""
        return (self.always_active + sum(layer.active for layer in self.layers)) / self.total

    @property
    def densities(self) -> dict[str, float]:
        """The density of every maskable weight now, by parameter name."""
        sparse = {layer.name: layer.active / layer.weight.numel() for layer in self.layers}
        return {name: sparse.get(name, 1.0) for name in self.weights}

    @property
    def itop_rate(self) -> float:
        """The share of the maskable weights that have been active so far (Liu et al., 2021, arXiv:2102.02887)."""
        return (self.always_active + sum(int(layer.ever_active.sum()) for layer in self.layers)) / self.total

    @torch.no_grad()
    def mask_gradients(self) -> None:
        """Zero the gradients of inactive weights."""
        pairs = [(layer.weight.grad, layer.mask) for layer in self.layers if layer.weight.grad is not None]
        if pairs:
            gradients, masks = zip(*pairs, strict=True)
            torch._foreach_mul_(gradients, masks)

    def zero_inactive(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero the inactive weights and their optimiser states."""
        for layer in self.layers:
            layer.zero_inactive(optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Return masks and unions of masks as bool tensors, by parameter name."""
        return {
            "masks": {layer.name: layer.mask.bool() for layer in self.layers},
            "ever_active": {layer.name: layer.ever_active.clone() for layer in self.layers},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        for layer in self.layers:
            mask = state["masks"][layer.name]
            layer.set_mask(mask.to(layer.weight.device))
            layer.ever_active.copy_(state["ever_active"][layer.name])
            layer.active = int(mask.sum())
