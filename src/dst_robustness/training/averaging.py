"""The moving average of the weights, and of the statistics that belong to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, steps: int) -> None:
    """Move the average towards the network after optimiser step ``steps`` (from 1), in place.

    The decay is warmed up: min(decay, (1 + steps) / (10 + steps)). In a short training, a decay of 0.999 would keep
    mostly the initial weights. The running statistics of batch normalisation are averaged like the weights. Counters
    are copied.
    """
    decay = min(decay, (1 + steps) / (10 + steps))
    own, new = ([*module.parameters(), *module.buffers()] for module in (average, network))
    averaged: list[Tensor] = []
    towards: list[Tensor] = []
    for mine, theirs in zip(own, new, strict=True):
        if mine.is_floating_point():
            averaged.append(mine)
            towards.append(theirs)
        else:
            mine.copy_(theirs)
    torch._foreach_lerp_(averaged, towards, 1 - decay)
