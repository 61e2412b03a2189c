"""Images per second of trainings that share one GPU, by themselves and under CUDA's multi-process service (MPS).

    uv run python -P benchmarks/sharing_a_gpu.py --model vgg16 --width 0.25 --processes 1 4 8

Each process trains one network with RigL at sparsity 0.5 on random images of 32 pixels, as a job of the workflow does.
All start together once each has captured its graph. MPS is started for the second half, and ended with it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np

BATCH, STEPS, WARM = 128, 400, 20


def train(model: str, width: float, seed: int, path: Path, start: Barrier, rates: multiprocessing.Queue) -> None:
    """Train one network, and put its images per second into the queue."""
    import torch

    from dst_robustness.study.run import Run
    from dst_robustness.training.build import build_state
    from dst_robustness.training.data import SampleSet
    from dst_robustness.training.graph import captured
    from dst_robustness.training.loop import backward, train_step
    from dst_robustness.training.options import TrainingOptions

    options = TrainingOptions(batch_size=BATCH)
    data = SampleSet(path, torch.device("cuda"))
    run = Run("random", "random", model, "rigl", 0.5, seed, width=width)
    state = build_state(run, data, options, {}, None)
    gradients = captured(state, partial(backward, state, data, options))

    def steps() -> Iterator[None]:
        while True:
            for samples, labels in data.shuffled(BATCH, seed=seed, epoch=0):
                train_step(state, data, samples, labels, options, gradients)
                state.step += 1
                yield

    endless = steps()
    for step in range(WARM + STEPS):
        if step == WARM:
            torch.cuda.synchronize()
            start.wait()
            started = time.perf_counter()
        next(endless)
    torch.cuda.synchronize()
    rates.put(BATCH * STEPS / (time.perf_counter() - started))


def images_per_second(model: str, width: float, processes: int, path: Path) -> float:
    """Return the images that all processes together train on in a second."""
    context = multiprocessing.get_context("spawn")
    start, rates = context.Barrier(processes), context.Queue()
    jobs = [context.Process(target=train, args=(model, width, seed, path, start, rates)) for seed in range(processes)]
    for job in jobs:
        job.start()
    together = sum(rates.get(timeout=120) for _ in jobs)
    for job in jobs:
        job.join()
    return together


@contextmanager
def multi_process_service() -> Iterator[None]:
    """Run NVIDIA's multi-process service while the block runs, for this process and those that it starts."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        os.environ |= places
        subprocess.run(["nvidia-cuda-mps-control", "-d"], check=True)
        try:
            yield
        finally:
            subprocess.run(["nvidia-cuda-mps-control"], input="quit", text=True, check=False)
            for name in places:
                del os.environ[name]


def write_random_images(path: Path) -> None:
    """Write a training split of random images of ten classes."""
    from dst_robustness.sets.storage import create_hdf5, write_samples

    random = np.random.default_rng(0)
    pixels, labels = random.integers(0, 256, (12800, 32, 32, 3), dtype=np.uint8), random.integers(0, 10, 12800)
    classes = json.dumps([str(number) for number in range(10)])
    with create_hdf5(path, classes=classes, mean=[0.5] * 3, std=[0.25] * 3) as file:
        write_samples(file, [pixels], labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vgg16")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.h5"
        write_random_images(path)
        print(f"{arguments.model}, width {arguments.width:g}, batch {BATCH}; images per second together")
        measure = partial(images_per_second, arguments.model, arguments.width, path=path)
        alone = {count: measure(processes=count) for count in arguments.processes}
        with multi_process_service():
            served = {count: measure(processes=count) for count in arguments.processes}
        for count in arguments.processes:
            print(f"{count} processes: {alone[count]:9.0f}, under MPS {served[count]:9.0f}")


if __name__ == "__main__":
    main()
