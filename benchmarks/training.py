"""Images per second of this project's training step beside a plain PyTorch loop, in turns.

    uv run python -P benchmarks/training.py --model resnet18 --batch 128 [--compile]

The plain loop is what a tutorial writes: float32, torchvision's RandomCrop and RandomHorizontalFlip on each image in
a DataLoader with a worker for each core, the default memory layout. On a GPU, two more rows say where the speed comes
from: bf16 with channels_last and one batch that stays on the device, and this project's step without its CUDA graph.
All train the same network with the same optimiser on random images of 32 pixels; the first step of each is not
counted. The last column is the share of the device's peak: the multiplications of the network's layers, forward and
backward, beside what one product of two large matrices reaches in the same arithmetic.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from dst_robustness.models import build_model
from dst_robustness.sets.storage import create_hdf5, write_samples
from dst_robustness.sparsity.flops import inference_flops, layer_flops
from dst_robustness.study.run import Run
from dst_robustness.training.build import build_state
from dst_robustness.training.data import SampleSet
from dst_robustness.training.devices import autocast, choose_device, device_name
from dst_robustness.training.graph import captured
from dst_robustness.training.loop import backward, train_step
from dst_robustness.training.options import TrainingOptions


class Pictures(Dataset):
    """Images one by one, augmented on the CPU."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.pixels = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        self.labels = torch.from_numpy(labels)
        steps = [v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)]
        self.transform = v2.Compose([*steps, v2.Normalize([0.5] * 3, [0.25] * 3)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.transform(self.pixels[index]), self.labels[index]


def plain_steps(model: str, batch: int, pixels: np.ndarray, labels: np.ndarray) -> Iterator[None]:
    """Train for ever, one step at a time, as a plain loop does."""
    device = choose_device()
    network = build_model(model, 10).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    workers = torch.get_num_threads()
    loader = DataLoader(Pictures(pixels, labels), batch, shuffle=True, num_workers=workers, drop_last=True)
    while True:
        for images, targets in loader:
            loss = F.cross_entropy(network(images.to(device)), targets.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield


def fast_steps(model: str, batch: int) -> Iterator[None]:
    """Train for ever on one batch on the device, in bf16 and channels_last, without augmentation."""
    device = choose_device()
    network = build_model(model, 10).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    images = torch.randn(batch, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    targets = torch.randint(10, (batch,), device=device)
    while True:
        with autocast(images, "auto"):
            logits = network(images).float()
        optimizer.zero_grad()
        F.cross_entropy(logits, targets).backward()
        optimizer.step()
        yield


def own_steps(
    model: str,
    batch: int,
    pixels: np.ndarray,
    labels: np.ndarray,
    method: str,
    *,
    compiled: bool = False,
    graph: bool = True,
) -> Iterator[None]:
    """Train for ever, one step at a time, as this project does."""
    options = TrainingOptions(batch_size=batch, compile=compiled)
    sparsity = 0.0 if method == "dense" else 0.5
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.h5"
        attributes = {"classes": json.dumps(list(map(str, range(10)))), "mean": [0.5] * 3, "std": [0.25] * 3}
        with create_hdf5(path, **attributes) as file:
            write_samples(file, [pixels], labels)
        data = SampleSet(path, choose_device())
    state = build_state(Run("random", "random", model, method, sparsity, 0), data, options, {}, None)
    launched = partial(backward, state, data, options)
    gradients = captured(state, launched) if graph else launched
    epoch = 0
    while True:
        for samples, targets in data.shuffled(batch, seed=0, epoch=epoch):
            train_step(state, data, samples, targets, options, gradients)
            state.step += 1
            yield
        epoch += 1


def seconds(steps: Iterator[None], count: int) -> float:
    """Return the time of so many steps, the work of a GPU included."""
    wait: Callable[[], None] = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    started = time.perf_counter()
    for _ in range(count):
        next(steps)
    wait()
    return time.perf_counter() - started


def peak_flops() -> float:
    """Return the FLOP a second of a product of two large matrices, in the arithmetic that trainings choose here."""
    device = choose_device()
    side = 8192 if device.type == "cuda" else 2048
    with autocast(torch.empty(1, 3, 1, 1, device=device), "auto") as context:
        dtype = context.fast_dtype if torch.is_autocast_enabled(device.type) else torch.float32
    one, other = torch.randn(2, side, side, device=device, dtype=dtype)

    def products() -> Iterator[None]:
        while True:
            torch.mm(one, other)
            yield

    steps = products()
    next(steps)
    return 2 * side**3 / min(seconds(steps, 1) for _ in range(10))


def training_flops(model: str) -> float:
    """Return the FLOPs of a forward and a backward pass of one image, after the formula of the tables."""
    with torch.device("meta"):
        network = build_model(model, 10)
    return 3 * inference_flops(layer_flops(network, (3, 32, 32)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4, help="steps in a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="also with training.compile: true")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    count = arguments.batch * (2 * arguments.steps * arguments.rounds + 2)
    pixels = random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    labels = random.integers(0, 10, count)
    loops = {"plain": plain_steps(arguments.model, arguments.batch, pixels, labels)}
    own = (arguments.model, arguments.batch, pixels, labels)
    if torch.cuda.is_available():
        loops["bf16"] = fast_steps(arguments.model, arguments.batch)
        loops["rigl, no graph"] = own_steps(*own, "rigl", graph=False)
    for method in ("dense", "rigl"):
        loops[method] = own_steps(*own, method)
        if arguments.compile:
            loops[f"{method}, compiled"] = own_steps(*own, method, compiled=True)
    for steps in loops.values():
        next(steps)
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(arguments.rounds):
        for name, steps in loops.items():
            rates[name].append(arguments.batch * arguments.steps / seconds(steps, arguments.steps))
    peak, flops = peak_flops(), training_flops(arguments.model)
    print(f"{arguments.model}, batch {arguments.batch}, {device_name(choose_device())}, ", end="")
    print(f"{torch.get_num_threads()} threads, peak {peak / 1e12:.2f} TFLOP/s")
    for name, values in rates.items():
        ratios = [value / plain for value, plain in zip(values, rates["plain"], strict=True)]
        rate, ratio = statistics.median(values), statistics.median(ratios)
        print(f"{name:14} {rate:8.1f} images/s, {ratio:5.2f} x plain, {rate * flops / peak:4.0%} of peak")


if __name__ == "__main__":
    main()
