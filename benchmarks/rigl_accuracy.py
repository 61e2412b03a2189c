"""Final accuracy of RigL here and in rigl-torch, a public RigL, on the same task; dense training beside them.

    python benchmarks/rigl_accuracy.py                                           # the bundled digits, minutes on a core
    python benchmarks/rigl_accuracy.py --folder resources/cifar10 --samples 5000 # a prepared data set, a part of it

All train the same network from the same weights on the same batches in the same order, with the same optimiser, update
interval, drop fraction and last update. As rigl-torch knows no other distribution, sparsity is uniform with the first
and the last layer dense, and an update replaces a step of the optimiser. The starting masks are each one's own. The
accuracy is that after the last epoch on the test split of the digits, or the validation split of the folder; the
seconds are processor seconds of the training. rigl-torch (pip install rigl-torch) is no dependency of this project.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from dst_robustness.datasets import DATASETS, acquire, prepare
from dst_robustness.models import build_model
from dst_robustness.sparsity import SparseTraining
from dst_robustness.sparsity.maskable import maskable_weights
from dst_robustness.training.crops import crop
from dst_robustness.training.data import SampleSet, normalise
from dst_robustness.training.devices import choose_device
from dst_robustness.training.rates import learning_rate

PEAK, DROP_FRACTION, LAST_UPDATE = 0.05, 0.3, 0.75


def digits(folder: Path) -> tuple[Path, Path]:
    """Prepare the bundled digits, and return the training and the test split."""
    paths = {split: folder / f"{split}.h5" for split in ("train", "validation", "test")}
    acquire(DATASETS["digits"], folder / "raw")
    prepare(DATASETS["digits"], folder / "raw", paths)
    return paths["train"], paths["test"]


def step_of(
    name: str, model: nn.Module, optimizer: torch.optim.Optimizer, sparsity: float, total: int, interval: int
) -> Callable[[], object]:
    """Return what takes one optimiser step after the backward pass."""
    if name == "dense":
        return optimizer.step
    if name == "rigl":
        names = list(maskable_weights(model))
        sparse = SparseTraining(
            model,
            optimizer,
            method="rigl",
            sparsity=sparsity,
            total_steps=total,
            distribution="uniform",
            update_interval=interval,
            drop_fraction=DROP_FRACTION,
            last_update=LAST_UPDATE,
            exclude=[names[0], names[-1]],
            step_on_update=False,
            seed=torch.initial_seed(),
        )
        return sparse.step
    from rigl_torch.RigL import RigLScheduler

    end = round(LAST_UPDATE * total)
    scheduler = RigLScheduler(
        model, optimizer, dense_allocation=1 - sparsity, delta=interval, T_end=end, alpha=DROP_FRACTION
    )

    def step() -> None:
        if scheduler():
            optimizer.step()

    return step


def train(
    name: str, sparsity: float, seed: int, data: SampleSet, held_out: SampleSet, arguments: argparse.Namespace
) -> tuple[float, float, float]:
    """Return final accuracy, the share of the maskable weights that are not zero, and processor seconds."""
    torch.manual_seed(seed)
    model = build_model(arguments.model, len(data.classes), image_size=data.image_size).to(data.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=PEAK, momentum=0.9, nesterov=True, weight_decay=5e-4)
    epoch_steps = data.steps_per_epoch(arguments.batch)
    total = arguments.epochs * epoch_steps
    step = step_of(name, model, optimizer, sparsity, total, arguments.interval)
    generator = torch.Generator(data.device).manual_seed(seed)
    started = time.process_time()
    for number in range(total):
        if number % epoch_steps == 0:
            batches = data.shuffled(arguments.batch, seed=seed, epoch=number // epoch_steps)
        samples, labels = next(batches)
        rate = learning_rate(number, total, peak=PEAK, schedule="cosine", warmup_steps=0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        inputs = normalise(crop(samples, generator), data.mean, data.std, torch.contiguous_format)
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        step()
    seconds = time.process_time() - started
    weights = [weight.detach() for weight in maskable_weights(model).values()]
    density = sum(int(w.count_nonzero()) for w in weights) / sum(w.numel() for w in weights)
    return accuracy(model, held_out), density, seconds


@torch.inference_mode()
def accuracy(model: nn.Module, held_out: SampleSet) -> float:
    model.eval()
    hits = 0
    for samples, labels in held_out.in_order(500):
        inputs = normalise(samples, held_out.mean, held_out.std, torch.contiguous_format)
        hits += int((model(inputs).argmax(1) == labels).sum())
    return hits / len(held_out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a prepared data set of images: train.h5 and validation.h5")
    parser.add_argument("--samples", type=int, help="train on the first so many samples")
    parser.add_argument("--model", default="resnet8")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--interval", type=int, default=10, help="optimiser steps between topology updates")
    parser.add_argument("--sparsities", type=float, nargs="+", default=[0.5, 0.9])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    device = choose_device()
    with tempfile.TemporaryDirectory() as folder:
        splits = digits(Path(folder))
        if arguments.folder:
            splits = arguments.folder / "train.h5", arguments.folder / "validation.h5"
        data, held_out = (SampleSet(path, device) for path in splits)
    if arguments.samples:
        data.resident, data.labels = data.resident[: arguments.samples], data.labels[: arguments.samples]
    print(f"{arguments.model}, {len(data)} samples, {arguments.epochs} epochs, {arguments.seeds} seeds, {device}")
    print(f"{'':12}{'sparsity':>9}{'accuracy':>18}{'density':>9}{'seconds':>9}")
    cells = [("dense", 0.0), *((name, s) for s in arguments.sparsities for name in ("rigl", "rigl-torch"))]
    for name, sparsity in cells:
        runs = [train(name, sparsity, seed, data, held_out, arguments) for seed in range(arguments.seeds)]
        reached, densities, seconds = (list(column) for column in zip(*runs, strict=True))
        spread = statistics.stdev(reached) if len(reached) > 1 else float("nan")
        print(f"{name:12}{sparsity:9g}{statistics.mean(reached):9.4f} +- {spread:.4f}", end="")
        print(f"{statistics.mean(densities):9.4f}{statistics.median(seconds):9.1f}", flush=True)


if __name__ == "__main__":
    main()
