"""How fast batches come, alone and beside the training steps that use them.

    python benchmarks/loading.py [--sets small imagenet clips resident] [--batches 24] [--loader-only]

Streamed sets hold JPEG in HDF5, as prepared ones do; they are read by one and by two threads, and for comparison by
the two worker processes of a DataLoader. The resident set is on the device. A rate is samples a second between the
third batch and the last. A loader is no limit where it is faster than the steps, and then both together are as fast as
the steps alone. The last two columns are what a sample costs in processor milliseconds, which other programs disturb
least.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from dst_robustness.datasets.moving_digits import texture
from dst_robustness.sets.storage import Samples, create_hdf5, open_hdf5, write_samples
from dst_robustness.study.run import Run
from dst_robustness.training.build import build_state
from dst_robustness.training.data import SampleSet
from dst_robustness.training.devices import choose_device
from dst_robustness.training.graph import captured
from dst_robustness.training.loop import backward, train_step
from dst_robustness.training.options import TrainingOptions

WARM = 2  # batches that are not counted
CLASSES = 10


class Kind(NamedTuple):
    """Samples as they are stored, and what trains on them."""

    shape: tuple[int, ...]
    image_size: int
    model: str
    augmentation: str
    batch: int
    streamed: bool = True


SETS = {
    "small": Kind((64, 64, 3), 64, "resnet18", "crop_flip", 64),
    "imagenet": Kind((256, 256, 3), 224, "resnet50", "resized_crop_flip", 32),
    "clips": Kind((16, 128, 128, 3), 112, "r3d18", "resized_crop_flip", 8),
    "resident": Kind((32, 32, 3), 32, "resnet18", "crop_flip", 128, streamed=False),
}


def write_set(path: Path, kind: Kind, count: int) -> None:
    """Write random textures, which compress as photographs do."""
    generator = np.random.default_rng(0)
    wide = texture(generator, 512).astype(np.uint8)
    *frames, height, width, _ = kind.shape
    samples = np.empty((count, *kind.shape), np.uint8)
    for place in np.ndindex(count, *frames):
        top, left = generator.integers(0, 512 - np.array([height, width]) + 1)
        samples[place] = wide[top : top + height, left : left + width]
    attributes = {"classes": json.dumps(list(map(str, range(CLASSES)))), "mean": [0.5] * 3, "std": [0.25] * 3}
    with create_hdf5(path, **attributes, image_size=kind.image_size) as file:
        write_samples(file, [samples], np.arange(count) % CLASSES, jpeg_quality=90 if kind.streamed else None)


def loaders(data: SampleSet, batch: int) -> dict[str, Callable[[], Iterator[tuple[torch.Tensor, torch.Tensor]]]]:
    """Return by name what starts an epoch."""

    def read_by(threads: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        os.environ["OMP_NUM_THREADS"] = str(threads + 1)  # a core is left for the training
        return data.shuffled(batch, seed=0, epoch=0)

    def read_by_processes(workers: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(data)).split(batch)
        batches = DataLoader(Stored(data.path, data.labels.cpu()), sampler=order, batch_size=None, num_workers=workers)
        for samples, labels in batches:
            yield samples.to(data.device).movedim(-1, 1), labels.to(data.device)

    if data.resident is not None:
        return {"resident": lambda: read_by(0)}
    return {
        "1 thread": lambda: read_by(1),
        "2 threads": lambda: read_by(2),
        "2 processes": lambda: read_by_processes(2),
    }


class Stored(Dataset):
    """A stored set as a DataLoader takes it. A batch is an item; each worker process opens the file itself."""

    def __init__(self, path: Path, labels: torch.Tensor) -> None:
        self.path, self.labels = path, labels

    def __getitem__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with open_hdf5(self.path) as file:
            (samples,) = Samples(file).ahead([rows.tolist()])
            return torch.from_numpy(samples), self.labels[rows]


def processor_seconds() -> float:
    """Return what this process has used so far, with all its threads and the processes that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]], step: Callable[..., None] | None = None
) -> tuple[float, float]:
    """Return samples a second, the work of a GPU included, and processor milliseconds a sample."""
    wait: Callable[[], None] = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    done, started, spent = 0, 0.0, processor_seconds()
    for number, (samples, labels) in enumerate(batches):
        if number == WARM:
            wait()
            started = time.perf_counter()
        if step:
            step(samples, labels)
        done += len(labels) if number >= WARM else 0
    wait()
    took, spent = time.perf_counter() - started, processor_seconds() - spent
    return done / took, 1e3 * spent / (done + WARM * len(labels))


def step_on(data: SampleSet, kind: Kind) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Return a training step of the set's network, dense, with the default options."""
    options = TrainingOptions(batch_size=kind.batch, augmentation=kind.augmentation)
    state = build_state(Run("random", "random", kind.model, "dense", 0.0, 0), data, options, {}, None)
    gradients = captured(state, partial(backward, state, data, options))

    def step(samples: torch.Tensor, labels: torch.Tensor) -> None:
        train_step(state, data, samples, labels, options, gradients)
        state.step += 1

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--batches", type=int, default=24)
    parser.add_argument("--loader-only", action="store_true")
    arguments = parser.parse_args()
    device = choose_device()
    print(f"samples a second, {device}, {os.cpu_count()} cores, {torch.get_num_threads()} threads for the steps")
    titles = "".join(f"{title:>11}" for title in ("loader", "step", "both", "loader ms", "step ms"))
    print(f"{'set':10}{'stored':>20} {'model':9}{'batch':>6}  {'read by':14}{titles}")
    for name in arguments.sets:
        kind = SETS[name]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.h5"
            write_set(path, kind, kind.batch * arguments.batches)
            data = SampleSet(path, device, resident_bytes=0 if kind.streamed else 8e9)
            step = None if arguments.loader_only else step_on(data, kind)
            stored = "x".join(map(str, kind.shape[:-1])) + (" JPEG" if kind.streamed else " pixels")
            for reader, start in loaders(data, kind.batch).items():
                first = next(start())
                columns = [measure(start())]
                if step:
                    alone = itertools.repeat(first, arguments.batches)
                    columns += [measure(alone, step), measure(start(), step)]
                cells = "".join(f"{rate:11.1f}" for rate, _ in columns)
                cells += "".join(f"{cost:11.3f}" for _, cost in columns[:2])
                print(f"{name:10}{stored:>20} {kind.model:9}{kind.batch:6}  {reader:14}{cells}", flush=True)


if __name__ == "__main__":
    main()
