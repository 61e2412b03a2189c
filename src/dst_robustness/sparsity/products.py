"""The products that a network makes with its weights, seen below its layers."""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

PRODUCTS = {
    F.linear,
    *(F.conv1d, F.conv2d, F.conv3d),
    *(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
}
_MULTIPLY = {*PRODUCTS, operator.matmul, torch.matmul, torch.mm, torch.addmm}
_aten = torch.ops.aten
# The place of the first factor of a matrix product among its arguments. The product sums over its last dimension.
_FIRST_FACTOR = {
    **dict.fromkeys((_aten.mm, _aten.bmm, _aten.mv, _aten.dot), 0),
    **dict.fromkeys((_aten.addmm, _aten.baddbmm, _aten.addmv), 1),
}


def multiplied_by_functions(model: nn.Module) -> set[int]:
    """Return the ids of the parameters that functions of a network multiply by, as far as torch.fx can follow it.

    It cannot if the forward pass takes the shape of its input apart, for example. Then none is found.
    """
    tensors = [*model.parameters(), *model.buffers()]
    try:
        graph = torch.fx.symbolic_trace(copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})).graph
    except Exception:
        return set()
    found = set()
    for node in graph.nodes:
        users = [node, *node.users]  # a view may be between the weight and the product
        if node.op == "get_attr" and any(user.target in _MULTIPLY for each in users for user in each.users):
            found.add(id(operator.attrgetter(node.target)(model)))
    return found


class WeightProducts(TorchDispatchMode):
    """Counts the multiply-adds of every product with a weight while a network runs inside it.

    The product may be made by a layer, or by a function that gets the weight of a layer. A tensor that is computed from
    weights alone counts as these weights: a normalised weight as that weight, several joined ones by their sizes.

    Attributes:
        amounts: multiply-adds so far, by the name of the weight.
    """

    def __init__(self, weights: Mapping[str, Tensor], constants: Iterable[Tensor]) -> None:
        """Take the weights by name. ``constants`` are all parameters and buffers of the network, which are not data."""
        super().__init__()
        self.amounts = dict.fromkeys(weights, 0)
        self._sizes = {name: weight.numel() for name, weight in weights.items()}
        # For tensors that depend on no data: memory -> weights from which they are made. A view has its base's memory.
        # The memory is kept, so that no other tensor gets its number.
        self._made_of: dict[int, tuple[torch.UntypedStorage, frozenset[str]]] = {}
        for tensor in constants:
            self._remember(tensor, frozenset())
        for name, weight in weights.items():
            self._remember(weight, frozenset({name}))

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        origins = [self._weights_in(value) for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        names = frozenset[str]().union(*(found for found in origins if found))
        amount = _multiply_adds(function.overloadpacket, args, result) if names else 0
        if amount:
            total = sum(self._sizes[name] for name in names)
            for name in names:
                self.amounts[name] += amount * self._sizes[name] // total
            names = frozenset()
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._remember(tensor, None if None in origins else names)
        return result

    def _weights_in(self, tensor: Tensor) -> frozenset[str] | None:
        """Return the weights from which a tensor is computed, or None if it depends on data."""
        return self._made_of.get(tensor.untyped_storage()._cdata, (None, None))[1]

    def _remember(self, tensor: Tensor, names: frozenset[str] | None) -> None:
        memory = tensor.untyped_storage()
        if names is None:
            self._made_of.pop(memory._cdata, None)
        else:
            self._made_of[memory._cdata] = (memory, names)


def _multiply_adds(operation: Any, arguments: tuple[Any, ...], result: Any) -> int:
    """Return the multiply-adds of a matrix product or a convolution; 0 for any other operation."""
    if operation in _FIRST_FACTOR:
        return result.numel() * arguments[_FIRST_FACTOR[operation]].shape[-1]
    if operation is _aten.convolution:
        inputs, weight, _, _, _, _, transposed, *_ = arguments
        return (inputs if transposed else result).numel() * weight[0].numel()
    return 0
