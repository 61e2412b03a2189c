"""The training samples, held on the device as uint8 and handed out in a seeded order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch

from dst_robustness.storage import Samples, open_hdf5
from dst_robustness.training.parallel import world_size


class SampleSet:
    """All samples of one split on the device.

    Attributes:
        samples: uint8 [N, 3, H, W], or [N, 3, T, H, W] for clips.
        labels: int64 [N].
        classes: names of the classes.
        mean, std: of the training pixels in [0, 1], shaped to broadcast over a batch.
    """

    def __init__(self, path: str | Path, device: torch.device) -> None:
        with open_hdf5(path) as file:
            stored = Samples(file)
            pixels, labels = torch.from_numpy(stored[:]), torch.from_numpy(stored.labels)
            self.classes: list[str] = json.loads(file.attrs["classes"])
            channels = (1, 3) + (1,) * (pixels.ndim - 2)
            self.mean = torch.tensor(file.attrs["mean"], dtype=torch.float32, device=device).view(channels)
            self.std = torch.tensor(file.attrs["std"], dtype=torch.float32, device=device).view(channels)
        self.samples = pixels.movedim(-1, 1).contiguous().to(device)
        self.labels = labels.to(device)

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.labels.device

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> int:
        """Height of the pictures in pixels."""
        return self.samples.shape[-2]

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the number of batches; a last, smaller one counts from two samples a process on."""
        return max(1, len(self) // batch_size + (len(self) % batch_size >= 2 * world_size()))

    def samples_per_epoch(self, batch_size: int) -> int:
        """Return how many samples one epoch sees: every process takes the same number of each batch."""
        whole, rest = divmod(min(len(self), self.steps_per_epoch(batch_size) * batch_size), batch_size)
        return whole * batch_size + rest // world_size() * world_size()

    def shuffled(
        self, batch_size: int, *, seed: int, epoch: int, start: int = 0, rank: int = 0, processes: int = 1
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (samples, labels) of one epoch from batch ``start`` on, in an order that (seed, epoch) decides.

        With several processes each takes every so manieth sample of each batch.
        """
        generator = torch.Generator().manual_seed((seed << 32) + epoch)
        order = torch.randperm(len(self), generator=generator).to(self.device)
        for step in range(start, self.steps_per_epoch(batch_size)):
            rows = order[step * batch_size : (step + 1) * batch_size]
            rows = rows[: len(rows) // processes * processes][rank::processes]
            yield self.samples[rows], self.labels[rows]

    def in_order(self, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (samples, labels) of all samples in order."""
        yield from zip(self.samples.split(batch_size), self.labels.split(batch_size), strict=True)


def normalise(batch: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
    """Return pixels in 0..255 as float32 (x / 255 - mean) / std, in the memory layout of the network."""
    return ((batch.float() / 255 - mean) / std).contiguous(memory_format=layout)
