"""One run: train a network, dense or sparse, and keep what came out."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm

from dst_robustness.models import build_model
from dst_robustness.run import Run
from dst_robustness.sparsity import SparseTraining
from dst_robustness.training.augmentation import augment
from dst_robustness.training.checkpoint import Checkpoint, StopSignal, exclusive
from dst_robustness.training.data import SampleSet
from dst_robustness.training.devices import autocast, choose_device
from dst_robustness.training.options import TrainingOptions
from dst_robustness.training.outputs import write_outputs
from dst_robustness.training.rates import learning_rate
from dst_robustness.training.state import TrainingState, build_optimizer


def train_run(
    train: Path,
    validation: Path,
    folder: Path,
    run: Run,
    *,
    method: str,
    options: TrainingOptions,
    sparse_options: Mapping[str, Any],
) -> None:
    """Train one network and write model.pt, history.csv, topology.csv and run.json into ``folder``.

    A killed run goes on from the rolling checkpoint in the folder and ends, on a CPU, with the same weights bit for
    bit. Initialisation and the order of the data depend on the seed alone, so that runs of one seed are pairs.

    Args:
        train, validation: splits in HDF5.
        folder: where the outputs and the checkpoint go.
        run: what to train.
        method: registered method, which is not the run's own where that is a variant.

    Raises:
        FloatingPointError: the loss is no longer finite.
        RuntimeError: another process is training this run.
    """
    with exclusive(folder / ".lock"):
        device = choose_device()
        data, held_out = SampleSet(train, device), SampleSet(validation, device)
        torch.manual_seed(run.seed)
        network = build_model(run.model, len(data.classes), image_size=data.image_size)
        network.to(device, memory_format=data.memory_format)
        optimizer = build_optimizer(network, options)
        steps = data.steps_per_epoch(options.batch_size)
        sparse = SparseTraining(
            network,
            optimizer,
            method=method,
            sparsity=run.sparsity,
            total_steps=steps * options.epochs,
            seed=run.seed,
            **sparse_options,
        )
        state = TrainingState(network, optimizer, sparse, run.seed)
        configuration = {
            **asdict(run),
            "method": method,
            "options": asdict(options),
            "sparse_options": {**sparse_options},
        }
        checkpoint = Checkpoint(folder / "checkpoint.pt", configuration, options.checkpoint_seconds)
        if saved := checkpoint.load(device):
            state.load_state_dict(saved)
            print(f"going on from the checkpoint at epoch {state.epoch + 1}, step {state.step}")
        stop = StopSignal()
        with tqdm(total=options.epochs, initial=state.epoch, unit="epoch", disable=not sys.stderr.isatty()) as progress:
            while state.epoch < options.epochs:
                train_epoch(state, data, held_out, options, checkpoint, stop)
                progress.update()
        write_outputs(folder, state, data, run, method)
        checkpoint.remove()


def train_epoch(
    state: TrainingState,
    data: SampleSet,
    held_out: SampleSet,
    options: TrainingOptions,
    checkpoint: Checkpoint,
    stop: StopSignal,
) -> None:
    """Train what is left of the present epoch, test on the held-out samples, and note the epoch in the history."""
    started = time.perf_counter()
    before = state.seconds
    steps = data.steps_per_epoch(options.batch_size)
    for samples, labels in data.shuffled(options.batch_size, seed=state.seed, epoch=state.epoch, start=state.step):
        rate = learning_rate(
            state.epoch * steps + state.step,
            steps * options.epochs,
            peak=options.learning_rate,
            schedule=options.schedule,
            warmup_steps=round(options.warmup_epochs * steps),
        )
        train_step(state, data, samples, labels, rate, options)
        state.step += 1
        state.seconds = before + time.perf_counter() - started
        if stop.received or checkpoint.due():
            check_finite(state, options)
            checkpoint.save(state.state_dict())
        if stop.received:
            raise SystemExit("asked to stop: the checkpoint is written and the next attempt goes on from it")
    check_finite(state, options)
    loss, accuracy = (state.totals / data.samples_per_epoch(options.batch_size)).tolist()
    validation_loss, validation_accuracy = test(state, held_out, options)
    state.seconds = before + time.perf_counter() - started
    state.epoch, state.step = state.epoch + 1, 0
    state.totals.zero_()
    state.history.append({
        "epoch": state.epoch,
        "step": state.epoch * steps,
        "loss": loss,
        "accuracy": accuracy,
        "validation_loss": validation_loss,
        "validation_accuracy": validation_accuracy,
        "learning_rate": rate,
        "density": state.sparse.density,
        "seconds": state.seconds,
        "images_per_second": state.epoch * len(data) / state.seconds,
    })  # fmt: skip
    print(", ".join(f"{key} {value:.5g}" for key, value in state.history[-1].items()), flush=True)


def train_step(
    state: TrainingState,
    data: SampleSet,
    samples: torch.Tensor,
    labels: torch.Tensor,
    rate: float,
    options: TrainingOptions,
) -> None:
    """Take one optimiser step on a batch uint8 [n, 3, ...]; nothing here waits for the device."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.network.train()
    inputs = data.normalise(augment(samples, options.augmentation, state.generator))
    with autocast(inputs.device, options.precision):
        logits = state.network(inputs).float()
    loss = F.cross_entropy(logits, labels, label_smoothing=options.label_smoothing)
    loss.backward()
    if options.gradient_clipping:
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), options.gradient_clipping)
    state.sparse.step()
    state.optimizer.zero_grad()
    state.totals += torch.stack([loss.detach() * len(labels), (logits.argmax(1) == labels).sum()])


@torch.inference_mode()
def test(state: TrainingState, data: SampleSet, options: TrainingOptions) -> tuple[float, float]:
    """Return mean loss (without label smoothing) and accuracy on a split."""
    state.network.eval()
    totals = torch.zeros_like(state.totals)
    for samples, labels in data.in_order(4 * options.batch_size):
        inputs = data.normalise(samples)
        with autocast(inputs.device, options.precision):
            logits = state.network(inputs).float()
        totals += torch.stack([F.cross_entropy(logits, labels, reduction="sum"), (logits.argmax(1) == labels).sum()])
    loss, accuracy = (totals / len(data)).tolist()
    return loss, accuracy


def check_finite(state: TrainingState, options: TrainingOptions) -> None:
    """Raise FloatingPointError where the loss has left the finite numbers; the log keeps the epochs before."""
    loss = state.totals[0].item()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {state.epoch + 1}, step {state.step}: lower training.learning_rate "
            f"({options.learning_rate}) or set training.gradient_clipping ({options.gradient_clipping})"
        )
