"""The samples of one split in a seeded order: held on the device, or streamed if they are too many."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.splits import stratified
from dst_robustness.sets.storage import Samples, open_hdf5
from dst_robustness.training.parallel import world_size
from dst_robustness.training.streams import stream

RESIDENT_BYTES = 8e9  # larger sets stream
ORIGIN = ("dataset", "split", "seed", "image_size", "reader", "source", "source_sha256", "made_by", "package_version")


class SampleSet:
    """One split.

    Attributes:
        classes: names of the classes.
        sample_shape: [3, H, W], or [3, T, H, W] for clips, as stored.
        image_size: side of the images that networks are tested on; training images may be larger.
        labels: labels of all samples of the file, int64 [N], on the device.
        rows: the samples that are used, int64 [n], where the samples are stored: all, or a stratified choice.
        mean, std: mean and std of the training pixels in [0, 1], shaped to broadcast over a batch.
        origin: what the set is and what it was made from, as its file says, and how many samples it has.
        resident: all samples on the device, uint8 [N, 3, ...], or None if they stream from the file.
    """

    def __init__(
        self,
        path: str | Path,
        device: torch.device,
        *,
        samples: int | None = None,
        resident_bytes: float = RESIDENT_BYTES,
    ) -> None:
        """Open a split.

        Args:
            samples: use only this many samples. Every class keeps its share, every seed of a study gets the same
                samples, and a larger choice contains a smaller one. None: use all.

        Raises:
            ValueError: if there are not so many samples.
        """
        self.path = Path(path)
        with open_hdf5(path) as file:
            stored = Samples(file)
            *leading, channels = stored.sample_shape
            self.sample_shape = (channels, *leading)
            said = SetAttributes.read(file)
            if said.classes is None or said.mean is None or said.std is None:
                raise DamagedFileError(path, reason="it does not say its classes, mean and std")
            self.image_size = said.image_size or leading[-1]
            self.classes = list(said.classes)
            broadcast = (1, channels) + (1,) * len(leading)
            self.mean = torch.tensor(said.mean, dtype=torch.float32, device=device).view(broadcast)
            self.std = torch.tensor(said.std, dtype=torch.float32, device=device).view(broadcast)
            self.origin = {name: value for name in ORIGIN if (value := getattr(said, name)) is not None}
            chosen = np.arange(len(stored))
            if samples is not None:
                if samples > len(stored):
                    raise ValueError(f"training.train_samples is {samples}; {path} holds {len(stored)}")
                chosen = stratified(stored.labels, samples, seed=said.seed or 0)
            self.origin["samples"] = len(chosen)
            self.labels = torch.from_numpy(stored.labels).to(device)
            self.resident: torch.Tensor | None = None
            if len(stored) * np.prod(stored.sample_shape, dtype=float) <= resident_bytes:
                self.resident = torch.from_numpy(stored[:]).movedim(-1, 1).contiguous().to(device)
        # On the device of the samples, since moving the rows of each batch there would make the host wait for it.
        self.rows = torch.from_numpy(chosen).to("cpu" if self.resident is None else device)

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self.labels.device

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a sample as networks take it, [3, H, W] or [3, T, H, W]."""
        return (*self.sample_shape[:-2], self.image_size, self.image_size)

    @property
    def frames(self) -> int | None:
        """Frames of a clip, None for images."""
        return self.sample_shape[1] if len(self.sample_shape) == 4 else None

    def __len__(self) -> int:
        return len(self.rows)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the number of batches. A smaller last batch counts if every process gets at least two samples."""
        return max(1, len(self) // batch_size + (len(self) % batch_size >= 2 * world_size()))

    def samples_per_epoch(self, batch_size: int) -> int:
        """Return how many samples an epoch uses. Every process takes the same number of each batch."""
        whole, rest = divmod(min(len(self), self.steps_per_epoch(batch_size) * batch_size), batch_size)
        return whole * batch_size + rest // world_size() * world_size()

    def shuffled(
        self, batch_size: int, *, seed: int, epoch: int, start: int = 0, rank: int = 0, processes: int = 1
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (samples, labels) of one epoch from batch ``start`` on, in an order that depends on (seed, epoch).

        With several processes, number ``rank`` takes the samples rank, rank + processes, ... of each batch.
        """
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(stream(seed, epoch)))
        order = self.rows[order.to(self.rows.device)]
        batches = []
        for step in range(start, self.steps_per_epoch(batch_size)):
            rows = order[step * batch_size : (step + 1) * batch_size]
            batches.append(rows[: len(rows) // processes * processes][rank::processes])
        return self._batches(batches)

    def in_order(self, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (samples, labels) of all samples in order."""
        return self._batches(self.rows.split(batch_size))

    def _batches(self, batches: Sequence[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if self.resident is None:
            yield from self._streamed(batches)
            return
        for rows in batches:
            yield self.resident[rows], self.labels[rows]

    def _streamed(self, batches: Sequence[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Read and decode in threads during the training. OpenCV does not hold Python's lock while it decodes."""
        cores = int(os.environ.get("OMP_NUM_THREADS", "1"))
        on_gpu = self.device.type == "cuda"
        with open_hdf5(self.path) as file:
            pixels = Samples(file, threads=max(1, cores - 1)).ahead([rows.tolist() for rows in batches])
            for rows, batch in zip(batches, pixels, strict=True):
                samples = torch.from_numpy(batch)
                samples = samples.pin_memory() if on_gpu else samples
                yield (
                    samples.to(self.device, non_blocking=True).movedim(-1, 1),
                    self.labels[rows.to(self.device, non_blocking=True)],
                )


def fit(batch: torch.Tensor, size: int) -> torch.Tensor:
    """Return uint8 or float samples [N, 3, ..., H, W] resized to the side on which networks are tested."""
    if batch.shape[-1] == size:
        return batch
    pictures = batch.flatten(1, -3).float()
    scaled = F.interpolate(pictures, (size, size), mode="bilinear", antialias=True)
    return scaled.view(*batch.shape[:-2], size, size)


def normalise(batch: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
    """Return pixels in 0..255 as float32 (x / 255 - mean) / std, in the memory layout of the network."""
    return ((batch.float() / 255 - mean) / std).contiguous(memory_format=layout)
