"""Test one trained network on sets of natural shift."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dst_robustness.evaluation.evaluate import load_network, predict
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.storage import Samples, create_hdf5, open_hdf5
from dst_robustness.training.devices import choose_device


class Among(nn.Module):
    """A network that chooses among some of its classes only, as is done for ImageNet-A and ImageNet-R.

    Args:
        network: a network that returns logits [N, classes].
        answers: the classes among which it chooses.
    """

    def __init__(self, network: nn.Module, answers: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.answers = list(answers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits that are minus infinity for all other classes."""
        logits = self.network(inputs)
        chosen = torch.full_like(logits, -torch.inf)
        chosen[:, self.answers] = logits[:, self.answers]
        return chosen


def evaluate_shifts(
    model: Path, run: Path, shifts: Sequence[Path], target: Path, *, precision: str, threads: int = 1
) -> None:
    """Write the predictions of one run on sets of natural shift: ``labels`` and ``predicted``, int [N], in groups.

    Each set has a group. Its attribute ``samples_sha256`` says which images it was tested on.

    Args:
        model: the network's state_dict.
        run: run.json, which says how to build the network.
        shifts: files of ``sets.shifted``.
        target: the HDF5 file to write.
        precision: arithmetic of the forward pass, as in training.
        threads: number of threads that read and decode images while the network computes.
    """
    device = choose_device()
    network = load_network(model, run, precision)
    with create_hdf5(target) as out:
        for path in shifts:
            with open_hdf5(path) as file:
                about, samples = SetAttributes.read(file), Samples(file, threads)
                mean, std = (
                    torch.tensor(value, dtype=torch.float32, device=device) for value in (about.mean, about.std)
                )
                chooser = network if about.answers is None else Among(network, about.answers)
                predicted, _, _ = predict(chooser, samples, mean, std, precision)
            group = out.create_group(str(about.shift))
            group.attrs["samples_sha256"] = samples.sha256
            group["labels"], group["predicted"] = samples.labels, predicted.astype(np.int32)
