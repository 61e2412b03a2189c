"""What an optimiser does to weights that must stay zero, and what it remembers about them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RAdam, RMSprop, Rprop

_KEEP_ZEROS = (SGD, Adam, AdamW, NAdam, RAdam, RMSprop)


def keeps_zeros(optimizer: Optimizer) -> bool:
    """Return whether a weight stays exactly zero under the optimiser if it, its gradient and its states are zero.

    Only classes whose arithmetic is known are trusted, and no class derived from them. Capturable optimisers are not
    trusted, since they divide by the learning rate, which may be zero.
    """
    return type(optimizer) in _KEEP_ZEROS and not any(group.get("capturable") for group in optimizer.param_groups)


def raise_eps(optimizer: Optimizer) -> None:
    """Set an eps of zero to the smallest positive number of the weights' precision, with a warning.

    Otherwise an update of 0 / (0 + eps) would be NaN. That happens to inactive weights, and to active ones of a unit
    that the masks cut off. For all other weights the smallest number makes no difference.
    """
    for group in optimizer.param_groups:
        precisions = {parameter.dtype for parameter in group["params"] if parameter.is_floating_point()}
        for precision in precisions if isinstance(group.get("eps"), (int, float)) else ():
            least = torch.finfo(precision).tiny
            if group["eps"] <= least * torch.finfo(precision).eps / 2:  # rounded to that precision it is zero
                warnings.warn(
                    f"eps={group['eps']} makes 0/0 of weights without gradient; it is {least} now", stacklevel=4
                )
                group["eps"] = least


def trained_parameters(optimizer: Optimizer) -> list[Tensor]:
    """Return all parameters of an optimiser."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def members(optimizer: Optimizer) -> list[Optimizer]:
    """Return an optimiser and those that it wraps (Lookahead and SAM wrap one)."""
    found = [optimizer]
    for member in found:
        found += [value for value in vars(member).values() if isinstance(value, Optimizer) and value not in found]
    return found


def states(optimizer: Optimizer, weight: Tensor) -> Iterator[Tensor]:
    """Yield the optimiser states that have the shape of a weight."""
    for member in members(optimizer):
        for value in member.state.get(weight, {}).values():
            if torch.is_tensor(value) and value.shape == weight.shape and value.is_floating_point():
                yield value


def renew_states(optimizer: Optimizer, weight: Tensor, grown: Tensor) -> None:
    """Reset the optimiser states that do not start at zero, for grown weights (a bool mask of the weight's shape)."""
    for member in members(optimizer):
        state = member.state.get(weight, {})
        group = next((group for group in member.param_groups if any(p is weight for p in group["params"])), {})
        if type(member) is Rprop and "step_size" in state:
            state["step_size"].masked_fill_(grown, float(group["lr"]))
        if type(member) is Adagrad and "sum" in state:
            state["sum"].masked_fill_(grown, group["initial_accumulator_value"])


def forget_directions(optimizer: Optimizer) -> None:
    """Make LBFGS start over, since its history is about weights that are no longer active."""
    for member in members(optimizer):
        if isinstance(member, LBFGS):
            member.state.clear()


def warn_of_states(optimizer: Optimizer, weights: Iterable[Tensor]) -> None:
    """Warn of optimiser states that hold information about each weight in a form that cannot be zeroed."""
    found: dict[str, Any] = {}
    for weight in weights:
        for member in members(optimizer):
            if isinstance(member, LBFGS):  # its whole history is reset
                continue
            for name, value in member.state.get(weight, {}).items():
                packed = torch.is_tensor(value) and value.numel() > 1 and not value.is_floating_point()
                if packed or isinstance(value, (list, tuple, dict)):
                    found[f"{type(member).__name__}.{name}"] = value.dtype if packed else type(value).__name__
    if found:
        described = ", ".join(f"{name} ({kind})" for name, kind in found.items())
        warnings.warn(
            f"the optimiser states {described} cannot be zeroed: a weight that is grown again starts with what the "
            f"optimiser remembers of it",
            stacklevel=5,
        )
