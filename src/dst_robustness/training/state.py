"""Everything that changes while a network trains. A checkpoint holds exactly this."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from dst_robustness.sparsity import SparseTraining
from dst_robustness.training.devices import memory_format
from dst_robustness.training.options import TrainingOptions
from dst_robustness.training.parallel import data_parallel, rank, total
from dst_robustness.training.streams import stream

PLAIN = ("epoch", "step", "seconds", "history")  # attributes that are plain Python values


class TrainingState:
    """A network in training, somewhere between its first and its last step.

    Attributes:
        network, optimizer, sparse: the network, its optimiser and its sparse training.
        forward: the network as training calls it. Its gradients are averaged over the processes, and it is compiled if
            the options say so.
        layout: memory layout of the network and its inputs.
        average: moving average of the weights, if the options ask for one.
        seed: decides the initial weights, the order of the data and the augmentations.
        width: the width with which the network was built.
        epoch: number of finished epochs.
        step: number of finished steps of the present epoch.
        seconds: training time so far, interruptions not counted.
        totals: loss and hits summed over this process's samples of the present epoch, float [2].
        history: one row for each finished epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        sparse: SparseTraining,
        seed: int,
        weight_averaging: float = 0.0,
        compiled: bool = False,
        width: float = 1.0,
    ) -> None:
        self.network, self.optimizer, self.sparse, self.seed, self.width = network, optimizer, sparse, seed, width
        self.forward: Callable[[torch.Tensor], torch.Tensor] = data_parallel(network)
        if compiled:
            self.forward = torch.compile(self.forward, dynamic=False)
        self.average = copy.deepcopy(network).requires_grad_(False) if weight_averaging else None
        self.layout = memory_format(network, next(network.parameters()).device)
        self.epoch, self.step, self.seconds = 0, 0, 0.0
        self.totals = torch.zeros(2, device=next(network.parameters()).device)
        self.history: list[dict[str, float]] = []

    @property
    def result(self) -> nn.Module:
        """The network that is tested and saved: the average with the present masks, or else the trained one."""
        if self.average is None:
            return self.network
        for name, mask in self.sparse.masks.items():
            self.average.get_parameter(name).mul_(mask)
        return self.average

    def state_dict(self) -> dict[str, Any]:
        """Return only tensors and plain Python values, so that loading them runs no code."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict() if self.average else {},
            "optimizer": self.optimizer.state_dict(),
            "sparse": self.sparse.state_dict(),
            "totals": total(self.totals),
            "plain": {name: getattr(self, name) for name in PLAIN},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a saved state. Raises an error of some kind if it does not fit this network."""
        self.network.load_state_dict(saved["network"])
        if self.average:
            self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.sparse.load_state_dict(saved["sparse"])
        for parameter, values in self.optimizer.state.items():
            for name, value in values.items():
                if torch.is_tensor(value) and value.ndim and value.shape != parameter.shape:
                    raise ValueError(f"{name} of the optimiser is {list(value.shape)}, not {list(parameter.shape)}")
        self.totals.copy_(saved["totals"] * (rank() == 0))  # a sum over all processes
        for name in PLAIN:
            setattr(self, name, type(getattr(self, name))(saved["plain"][name]))
        if len(self.history) != self.epoch:
            raise ValueError(f"{self.epoch} epochs with a history of {len(self.history)}")

    def seed_step(self) -> torch.Generator:
        """Seed dropout for this step, and return the generator for its augmentations. Neither depends on the past."""
        seed = stream(self.seed, self.epoch, self.step, rank())
        torch.manual_seed(seed)
        return torch.Generator(self.totals.device).manual_seed(seed)


def build_optimizer(network: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum or AdamW over all parameters."""
    if options.optimizer == "adamw":
        # Fused: on a CPU, the root that AdamW takes otherwise is nine times slower where it meets zeros.
        return torch.optim.AdamW(
            network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=options.learning_rate,
        momentum=options.momentum,
        nesterov=options.momentum > 0,
        weight_decay=options.weight_decay,
    )
