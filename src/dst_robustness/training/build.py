"""Build the network of a run, ready for its first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dst_robustness.models import build_model
from dst_robustness.models.checkpoints import describe_checkpoint
from dst_robustness.models.tensor_files import load_tensors
from dst_robustness.models.weights import start_from
from dst_robustness.models.width import width_for_density
from dst_robustness.sparsity import METHODS, SparseTraining, options_for
from dst_robustness.sparsity.schedules import default_interval
from dst_robustness.study.run import Run
from dst_robustness.training.data import SampleSet, fit, normalise
from dst_robustness.training.devices import memory_format
from dst_robustness.training.options import TrainingOptions
from dst_robustness.training.parallel import world_size
from dst_robustness.training.state import TrainingState, build_optimizer
from dst_robustness.training.streams import stream

SALIENCY_SAMPLES_PER_CLASS = 10  # Wang et al. 2020, arXiv:2002.07376, section 5, for GraSP


def build_state(
    run: Run,
    data: SampleSet,
    options: TrainingOptions,
    sparse_options: Mapping[str, Any],
    masks: Path | None,
) -> TrainingState:
    """Return a network with fresh weights and masks. The seed alone decides the weights, so runs of a seed are pairs.

    Args:
        masks: final masks of a finished run, for a method that starts from them.
    """
    torch.manual_seed(stream(run.seed))
    width = network_width(run, data)
    network = build_model(run.model, len(data.classes), image_size=data.image_size, width=width, frames=data.frames)
    if options.initial_weights:
        start_network(network, options.initial_weights, data.classes)
    check_batches(network, data, options.batch_size)
    # Before the masks are made, so that they get the layout of the weights.
    network.to(data.device, memory_format=memory_format(network, data.device))
    optimizer = build_optimizer(network, options)
    steps = options.epochs * data.steps_per_epoch(options.batch_size)
    if sparse_options.get("update_interval", 0) is None:
        sparse_options = {**sparse_options, "update_interval": default_interval(steps)}
    sparse = SparseTraining(
        network,
        optimizer,
        method=run.base_method,
        sparsity=run.sparsity,
        total_steps=steps,
        seed=run.seed,
        # Loaded to the host, since a full GPU must not look like a damaged file.
        initial_masks={name: mask.to(data.device) for name, mask in load_tensors(masks).items()} if masks else None,
        loss=lambda: saliency_loss(network, data, run.seed),
        non_finite="ignore",  # the loop looks at the loss of an epoch: no step waits for the device
        **options_for(run.base_method, sparse_options),
    )
    return TrainingState(network, optimizer, sparse, run.seed, options.weight_averaging, options.compile, width)


def check_batches(network: nn.Module, data: SampleSet, batch_size: int) -> None:
    """Raise ValueError if a process would train batch normalisation on a single sample."""
    smallest = min(batch_size, len(data)) // world_size()
    normalised = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    if normalised and smallest < 2:
        raise ValueError(
            f"training.batch_size is {batch_size}, for {len(data)} samples and {world_size()} processes: batch "
            "normalisation needs two samples a process in each step; raise it"
        )


def network_width(run: Run, data: SampleSet) -> float:
    """Return the width of the network: that of the scenario, or less for the control of fewer channels."""
    if not METHODS[run.base_method].scales_width:
        return run.width
    options = {"image_size": data.image_size, "width": run.width, "frames": data.frames}
    return width_for_density(run.model, len(data.classes), 1 - run.sparsity, **options)


def start_network(network: nn.Module, weights: str | Path, classes: Sequence[str]) -> None:
    """Load trained weights as the start, and print what was loaded and what was not."""
    theirs = describe_checkpoint(weights).get("classes") or classes  # most files say none
    other_classes = list(map(str, theirs)) != list(map(str, classes))
    place, fresh = start_from(network, weights, len(classes), other_classes=other_classes)
    kept = f"; fresh, for {len(classes)} classes: {', '.join(fresh)}" if fresh else ""
    print(f"starting from {weights} ({place}){kept}", flush=True)


def saliency_loss(network: nn.Module, data: SampleSet, seed: int) -> torch.Tensor:
    """Return the loss of one seeded batch, by which SNIP and GraSP choose their weights before training."""
    size = min(len(data), SALIENCY_SAMPLES_PER_CLASS * len(data.classes))
    samples, labels = next(data.shuffled(size, seed=seed, epoch=0))
    inputs = normalise(fit(samples, data.image_size), data.mean, data.std, memory_format(network, data.device))
    return F.cross_entropy(network(inputs), labels)
