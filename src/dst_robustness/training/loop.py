"""Train the network of one run, dense or sparse, and write its results."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm

from dst_robustness.study.augmentations import MIXINGS
from dst_robustness.study.kept import trained_again
from dst_robustness.study.run import Run
from dst_robustness.training.augmentation import augment
from dst_robustness.training.averaging import update_average
from dst_robustness.training.build import build_state
from dst_robustness.training.checkpoint import Checkpoint, StopSignal, exclusive
from dst_robustness.training.data import SampleSet, fit, normalise
from dst_robustness.training.devices import autocast, choose_device
from dst_robustness.training.events import Events
from dst_robustness.training.graph import captured
from dst_robustness.training.mixing import Mixed, mixed_cross_entropy, parts
from dst_robustness.training.options import TrainingOptions
from dst_robustness.training.outputs import write_history, write_outputs
from dst_robustness.training.parallel import agreed, process_group, rank, total, world_size
from dst_robustness.training.rates import learning_rate
from dst_robustness.training.state import TrainingState


def train_run(
    train: Path,
    validation: Path,
    folder: Path,
    run: Run,
    *,
    options: TrainingOptions,
    sparse_options: Mapping[str, Any],
    masks: Path | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> None:
    """Train one network and write model.pt, masks.pt, history.csv, topology.csv and run.json into ``folder``.

    A killed run continues from the rolling checkpoint in the folder. On a CPU it ends with the same weights bit for
    bit. Initial weights, order of the data and augmentations depend on the seed alone, so that runs of a seed are
    pairs. Under ``torchrun`` or ``parallel.launch``, each process takes its share of every batch.

    Args:
        train, validation: splits in HDF5.
        folder: where the outputs and the checkpoint go.
        run: what to train.
        masks: masks.pt of a finished run, for a method that starts from it.
        recipe: everything that decides the result, for run.json; by default the two groups of options.

    Raises:
        FloatingPointError: if the loss is no longer finite. The epochs until then are kept in diverged.csv.
        RuntimeError: if another process is training this run.
    """
    with process_group(), exclusive(folder / "checkpoint.pt") if rank() == 0 else nullcontext():
        device = choose_device()
        data = SampleSet(train, device, samples=options.train_samples)
        held_out = SampleSet(validation, device)
        own = {"training": options.model_dump(exclude=options.decide_nothing), "sparse_training": {**sparse_options}}
        recipe = recipe or own
        if rank() == 0:
            print(*trained_again([(folder, recipe, "with the same options")]), sep="\n")
        configuration = {**asdict(run), **own, "samples": data.origin}
        checkpoint = Checkpoint(folder / "checkpoint.pt", configuration, options.checkpoint_seconds)
        state = checkpoint.resume(partial(build_state, run, data, options, sparse_options, masks))
        diverged = folder / "diverged.csv"
        diverged.unlink(missing_ok=True)
        events = Events(folder / "tensorboard", state.sparse.steps) if options.tensorboard and rank() == 0 else None
        stop = StopSignal()
        gradients = captured(state, partial(backward, state, data, options))
        with tqdm(total=options.epochs, initial=state.epoch, unit="epoch", disable=not sys.stderr.isatty()) as progress:
            while state.epoch < options.epochs:
                try:
                    train_epoch(state, data, options, gradients, checkpoint, stop)
                    end_epoch(state, data, held_out, options)
                    if events:
                        events.add(state.history[-1])
                except FloatingPointError:
                    if rank() == 0:
                        write_history(diverged, state)
                    raise
                progress.update()
        if rank() == 0:
            write_outputs(folder, state, data, run, recipe)
            checkpoint.remove()


def train_epoch(
    state: TrainingState,
    data: SampleSet,
    options: TrainingOptions,
    gradients: Callable[[Mixed], None],
    checkpoint: Checkpoint,
    stop: StopSignal,
) -> None:
    """Train the rest of the epoch. Write a checkpoint when one is due, or when the process is asked to end."""
    before, started = state.seconds, time.perf_counter()
    steps = data.steps_per_epoch(options.batch_size)
    batches = data.shuffled(
        options.batch_size, seed=state.seed, epoch=state.epoch, start=state.step, rank=rank(), processes=world_size()
    )
    for samples, labels in batches:
        rate = learning_rate(
            state.epoch * steps + state.step,
            options.epochs * steps,
            peak=options.learning_rate,
            schedule=options.schedule,
            warmup_steps=round(options.warmup_epochs * steps),
        )
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        train_step(state, data, samples, labels, options, gradients)
        state.step += 1
        state.seconds = before + time.perf_counter() - started
        if agreed(stop.received or checkpoint.due(), data.device):
            check_finite(state, options)
            checkpoint.save(state.state_dict())
            if agreed(stop.received, data.device):
                raise SystemExit("asked to end: the checkpoint is written and the next attempt goes on from it")


def train_step(
    state: TrainingState,
    data: SampleSet,
    samples: torch.Tensor,
    labels: torch.Tensor,
    options: TrainingOptions,
    gradients: Callable[[Mixed], None],
) -> None:
    """Take one optimiser step on this process's share of a batch, uint8 [n, 3, ...]. Nothing waits for the device.

    ``gradients`` is ``backward`` or the same as a CUDA graph.
    """
    state.network.train()
    generator = state.seed_step()
    samples = fit(augment(samples, options.augmentation, generator), data.image_size)
    gradients(MIXINGS[options.mixing](samples, labels, generator))
    state.sparse.step(clip_norm=options.gradient_clipping or None)
    state.optimizer.zero_grad()
    if state.average:
        update_average(state.average, state.network, options.weight_averaging, state.sparse.steps)


def backward(state: TrainingState, data: SampleSet, options: TrainingOptions, batch: Mixed) -> None:
    """Add up the gradients of a batch, in as many parts as the options say, and its loss and hits."""
    for part in parts(batch, options.gradient_accumulation):
        inputs = normalise(part.samples, data.mean, data.std, state.layout)
        with autocast(inputs, options.precision):
            logits = state.forward(inputs).float()
        loss = mixed_cross_entropy(logits, part, options.label_smoothing)
        (loss * (len(part.labels) / len(batch.labels))).backward()
        hits = (logits.argmax(1) == part.labels).sum()
        state.totals += torch.stack([loss.detach() * len(part.labels), hits])


def end_epoch(state: TrainingState, data: SampleSet, held_out: SampleSet, options: TrainingOptions) -> None:
    """Test on the held-out samples and add the epoch to the history."""
    check_finite(state, options)
    started = time.perf_counter()
    samples = data.samples_per_epoch(options.batch_size)
    loss, accuracy = (total(state.totals) / samples).tolist()
    validation_loss, validation_accuracy = test(state, held_out, options)
    state.seconds += time.perf_counter() - started
    state.epoch, state.step = state.epoch + 1, 0
    state.totals.zero_()
    state.history.append(
        {
            "epoch": state.epoch,
            "step": state.epoch * data.steps_per_epoch(options.batch_size),
            "loss": loss,
            "accuracy": accuracy,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "learning_rate": state.optimizer.param_groups[0]["lr"],
            "density": state.sparse.density,
            "seconds": state.seconds,
            "images_per_second": state.epoch * samples / state.seconds,
        }
    )
    if rank() == 0:
        print(", ".join(f"{key} {value:.5g}" for key, value in state.history[-1].items()), flush=True)


@torch.inference_mode()
def test(state: TrainingState, data: SampleSet, options: TrainingOptions) -> tuple[float, float]:
    """Return mean loss (without label smoothing) and accuracy on a split."""
    network = state.result.eval()
    totals = torch.zeros_like(state.totals)
    for samples, labels in data.in_order(4 * options.batch_size):
        inputs = normalise(fit(samples, data.image_size), data.mean, data.std, state.layout)
        with autocast(inputs, options.precision):
            logits = network(inputs).float()
        totals += torch.stack([F.cross_entropy(logits, labels, reduction="sum"), (logits.argmax(1) == labels).sum()])
    loss, accuracy = (totals / len(data)).tolist()
    return loss, accuracy


def check_finite(state: TrainingState, options: TrainingOptions) -> None:
    """Raise FloatingPointError if the loss is not finite."""
    loss = total(state.totals)[0].item()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {state.epoch + 1}, step {state.step}: lower training.learning_rate "
            f"({options.learning_rate}) or set training.gradient_clipping ({options.gradient_clipping})"
        )
