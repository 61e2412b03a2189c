"""The weights of a network with their masks: which are active, and that all others are exactly zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dst_robustness.sparsity import distributed
from dst_robustness.sparsity.maskable import clean_name, unwrap
from dst_robustness.sparsity.optimizers import states


@dataclass
class SparseLayer:
    """A weight of shape [...] with its mask, in which 1 is active and 0 inactive.

    The mask has the dtype and memory layout of the weight, since multiplying by it is then several times as fast as
    filling by a bool tensor. ``is_active`` is the same mask as a flat bool tensor in the order of the indices.
    ``ever_active`` is the union of all such masks so far. ``active`` is the number of active weights now.
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
        """Use a bool mask, flat or of the weight's shape. The caller must not write to it afterwards."""
        self.is_active = mask.reshape(-1)
        self.mask.copy_(mask.view(self.mask.shape))

    @torch.no_grad()
    def zero_inactive(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero the inactive weights, and every optimiser state of their shape there."""
        for tensor in (self.weight, *states(optimizer, self.weight)):
            # As a product it is six times as fast on a CPU, but leaves a NaN, which eps=0 makes of inactive weights.
            if tensor.device.type == "cpu" and tensor.sum().isfinite():
                tensor.mul_(self.mask)
            else:
                tensor.masked_fill_(self.mask == 0, 0)

    @torch.no_grad()
    def strays(self, optimizer: torch.optim.Optimizer | None = None) -> Tensor:
        """Return how many inactive weights are not zero or have an optimiser state that is not zero, as int64 [].

        Infinities and NaN do not count, since a step with such gradients puts them everywhere.
        """
        tensors = [self.weight.detach(), *(states(optimizer, self.weight) if optimizer else ())]
        outside = (
            torch.stack([tensor.reshape(-1).nan_to_num(0, 0, 0).bool() for tensor in tensors]).any(0) & ~self.is_active
        )
        return outside.count_nonzero()


class SparseWeights:
    """All maskable weights of a model, some of them in sparse layers and the others dense.

    Attributes:
        weights: every maskable weight by parameter name.
        layers: the layers with a mask.
        total: the number of maskable weights.
        always_active: how many of them are outside the sparse layers.
        frozen: maskable weights that are not trained. They never change and do not count.
    """

    def __init__(
        self,
        weights: Mapping[str, nn.Parameter],
        layers: Iterable[SparseLayer],
        frozen: Mapping[str, nn.Parameter] | None = None,
    ) -> None:
        self.weights, self.frozen = dict(weights), dict(frozen or {})
        self.layers = list(layers)
        self.total = sum(weight.numel() for weight in self.weights.values())
        self.always_active = self.total - sum(layer.weight.numel() for layer in self.layers)

    @property
    def masks(self) -> dict[str, Tensor]:
        """{parameter name: bool mask of its shape} for every maskable weight, dense ones and frozen ones too."""
        masks = {layer.name: layer.mask.bool() for layer in self.layers}
        return {
            name: masks[name] if name in masks else torch.ones_like(weight, dtype=torch.bool)
            for name, weight in (self.weights | self.frozen).items()
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

    def dense_gradients(self, scale: Tensor | None = None) -> list[Tensor]:
        """Return flat copies of the sparse layers' gradients, with those of inactive weights, averaged over processes.

        Gradients of a scaled loss are divided by its ``scale``.
        """
        weights = [layer.weight for layer in self.layers]
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad.detach() for w in weights]
        gradients = [g.clone(memory_format=torch.contiguous_format).view(-1) for g in gradients]
        if scale is not None:
            torch._foreach_div_(gradients, scale)
        distributed.average(gradients)
        return gradients

    @torch.no_grad()
    def mask_model(self, model: nn.Module) -> None:
        """Zero the inactive weights in a copy of the network, or in its ``module``. Another one raises ValueError."""
        parameters = {clean_name(name): parameter for name, parameter in unwrap(model).named_parameters()}
        copies = [parameters.get(layer.name, parameters.get(f"module.{layer.name}")) for layer in self.layers]
        for layer, copy in zip(self.layers, copies, strict=True):
            if copy is None or copy.shape != layer.mask.shape:
                raise ValueError(f"this is no copy of the model: it has no {layer.name} {list(layer.mask.shape)}")
        for layer, copy in zip(self.layers, copies, strict=True):
            copy.mul_(layer.mask.to(copy.device))  # type: ignore[union-attr]

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
        """Restore what ``state_dict`` returned. Raises ValueError, before any change, if a mask has another shape."""
        for layer in self.layers:
            there, here = (list(tensor.shape) for tensor in (state["masks"][layer.name], layer.weight))
            if there != here:
                raise ValueError(f"the checkpoint is of another network: {layer.name} is {there} there, {here} here")
        for layer in self.layers:
            mask = state["masks"][layer.name]
            layer.set_mask(mask.to(layer.weight.device))
            layer.ever_active.copy_(state["ever_active"][layer.name])
            layer.active = int(mask.sum())
