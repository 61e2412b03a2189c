"""What an optimiser does to weights that are to stay zero, and what it remembers of them."""

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

    Only classes whose arithmetic is known are trusted, and none that is derived from them. Capturable ones are not:
    they divide by the learning rate, which may be zero.
    """
    return type(optimizer) in _KEEP_ZEROS and not any(group.get("capturable") for group in optimizer.param_groups)


def raise_eps(optimizer: Optimizer) -> None:
    """Set an eps of zero to the smallest positive number of the weights' precision, with a warning.

    An update of 0 / (0 + eps) is not a number otherwise. It meets inactive weights, and active ones of a unit that the
    masks cut off. For all other weights the smallest number makes no difference.
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
    """Return an optimiser and those that it wraps, as Lookahead and SAM do."""
    found = [optimizer]
    for member in found:
        found += [value for value in vars(member).values() if isinstance(value, Optimizer) and value not in found]
    return found


def states(optimizer: Optimizer, weight: Tensor) -> Iterator[Tensor]:
    """Yield the states of a weight that have one number for each of its weights."""
    for member in members(optimizer):
        for value in member.state.get(weight, {}).values():
            if torch.is_tensor(value) and value.shape == weight.shape and value.is_floating_point():
                yield value


def renew_states(optimizer: Optimizer, weight: Tensor, grown: Tensor) -> None:
    """Give grown weights, a bool mask of the weight's shape, the states that do not begin at zero."""
    for member in members(optimizer):
        state = member.state.get(weight, {})
        group = next((group for group in member.param_groups if any(p is weight for p in group["params"])), {})
        if type(member) is Rprop and "step_size" in state:
            state["step_size"].masked_fill_(grown, float(group["lr"]))
        if type(member) is Adagrad and "sum" in state:
            state["sum"].masked_fill_(grown, group["initial_accumulator_value"])


def forget_directions(optimizer: Optimizer) -> None:
    """Let LBFGS start over: its history of steps speaks of weights that are no longer there."""
    for member in members(optimizer):
        if isinstance(member, LBFGS):
            member.state.clear()


def warn_of_states(optimizer: Optimizer, weights: Iterable[Tensor]) -> None:
    """Name in a warning the states that hold something of each weight in a form that cannot be zeroed."""
    found: dict[str, Any] = {}
    for weight in weights:
        for member in members(optimizer):
            if isinstance(member, LBFGS):  # which forgets all of it
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
