"""Check that a network returns one score per class, before a study depends on it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter


def check_answers(network: nn.Module, name: str, num_classes: int, input_shape: Sequence[int]) -> None:
    """Raise ValueError unless a network maps two samples to scores [2, num_classes], in training and in testing.

    A copy of the network runs on the meta device, without data or arithmetic. If it cannot, it runs on the network's
    own device. The random state and the network do not change, but for lazy layers, which draw their weights.

    Args:
        network: the network.
        name: its name for messages.
        num_classes: number of classes.
        input_shape: shape of a sample, [3, H, W] or [3, T, H, W].
    """
    if any(isinstance(parameter, UninitializedParameter) for parameter in network.parameters()):
        _give_shapes(network, name, input_shape)
    for training in (False, True):
        answer = _run(network, name, input_shape, training)
        when = "in training" if training else "in testing"
        if not isinstance(answer, Tensor):
            parts = f" with {', '.join(map(str, answer))}" if isinstance(answer, Mapping) else ""
            parts = f" of {len(answer)}" if isinstance(answer, tuple | list) else parts
            raise ValueError(
                f"model '{name}' returns {type(answer).__name__}{parts} {when}; it must return one tensor of class "
                f"scores [N, {num_classes}]. A function in a file of your own can pick it out"
            )
        if answer.shape != (2, num_classes):
            raise ValueError(
                f"model '{name}' returns {list(answer.shape)} for two samples of {num_classes} classes {when}; "
                f"it must return class scores [2, {num_classes}]"
            )


@torch.no_grad()
def _give_shapes(network: nn.Module, name: str, input_shape: Sequence[int]) -> None:
    """Run a batch through a network with lazy layers, which draw their weights then."""
    try:
        network.eval()(torch.zeros(2, *input_shape))
    except Exception as error:
        raise _does_not_take(name, input_shape, error) from error
    network.train()


def _run(network: nn.Module, name: str, input_shape: Sequence[int], training: bool) -> object:
    parameters = [*network.parameters(), *network.buffers()]
    on_meta = {id(tensor): _on_meta(tensor) for tensor in parameters}
    try:
        with torch.random.fork_rng([]):
            return copy.deepcopy(network, on_meta).train(training)(torch.zeros(2, *input_shape, device="meta"))
    except Exception as error:
        devices = {tensor.device for tensor in parameters}
        if torch.device("meta") in devices:
            raise _does_not_take(name, input_shape, error) from error
    try:
        with torch.no_grad(), torch.random.fork_rng([]):
            own = next(iter(devices), torch.device("cpu"))
            return copy.deepcopy(network).train(training)(torch.zeros(2, *input_shape, device=own))
    except Exception as error:
        raise _does_not_take(name, input_shape, error) from error


def _on_meta(tensor: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(tensor.detach().to("meta"), tensor.requires_grad)
    return tensor.detach().to("meta")


def _does_not_take(name: str, input_shape: Sequence[int], error: Exception) -> ValueError:
    kind = "images" if len(input_shape) == 3 else f"clips of {input_shape[1]} frames"
    said = next(iter(str(error).strip().splitlines()), "")[:300]
    return ValueError(
        f"model '{name}' does not take {kind} of {input_shape[-2]}x{input_shape[-1]} pixels: "
        f"{type(error).__name__}: {said}"
    )
