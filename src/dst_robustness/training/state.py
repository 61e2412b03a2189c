"""All that changes while a network trains: what a checkpoint holds, and nothing else."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from dst_robustness.sparsity import SparseTraining
from dst_robustness.training.options import TrainingOptions


class TrainingState:
    """A network in training, somewhere between its first and its last step.

    Attributes:
        network, optimizer, sparse: what is trained, and how.
        seed: decides initialisation, order of the data and augmentations.
        generator: draws the augmentations, on the device.
        epoch: number of finished epochs.
        step: number of finished steps of the present epoch.
        seconds: training time so far, interruptions not counted.
        totals: loss and hits summed over the samples of the present epoch, float [2].
        history: one row for each finished epoch.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer, sparse: SparseTraining, seed: int) -> None:
        device = next(network.parameters()).device
        self.network, self.optimizer, self.sparse = network, optimizer, sparse
        self.seed = seed
        self.generator = torch.Generator(device).manual_seed(seed)
        self.epoch, self.step, self.seconds = 0, 0, 0.0
        self.totals = torch.zeros(2, device=device)
        self.history: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain Python values only, so that reading them back runs no code."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sparse": self.sparse.state_dict(),
            "generator": self.generator.get_state(),
            "totals": self.totals,
            "plain": {name: getattr(self, name) for name in ("epoch", "step", "seconds", "history")},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.sparse.load_state_dict(saved["sparse"])
        self.generator.set_state(saved["generator"].cpu())
        self.totals.copy_(saved["totals"])
        for name, value in saved["plain"].items():
            setattr(self, name, value)


def build_optimizer(network: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum or AdamW over all parameters."""
    if options.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    return torch.optim.SGD(
        network.parameters(),
        lr=options.learning_rate,
        momentum=options.momentum,
        nesterov=options.momentum > 0,
        weight_decay=options.weight_decay,
    )
