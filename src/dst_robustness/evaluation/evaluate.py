"""Ask one trained network about a set of samples."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dst_robustness.evaluation.inference import batch_size, prepared
from dst_robustness.models import build_model
from dst_robustness.models.sources import find_source
from dst_robustness.models.tensor_files import give_weights, load_tensors
from dst_robustness.sets.storage import Samples, open_hdf5
from dst_robustness.training.data import normalise
from dst_robustness.training.devices import autocast, choose_device, memory_format


def tester(
    model: Path, run: Path, test: Path, precision: str
) -> Callable[[Samples, int], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return what asks a stored network on the device at hand: see ``predict``.

    Args:
        model: the network's state_dict.
        run: run.json, which says how to build the network.
        test: the clean test split, for the scale of its pixels where the network does not say it.
        precision: arithmetic of the forward pass.
    """
    network = load_network(model, run, precision)
    mean, std = scale_of(run, test, choose_device())
    return lambda samples, clips: predict(network, samples, mean, std, precision, clips)


def scale_of(run: Path, test: Path, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and std of the pixels that a network was trained on, or those of the test split if it has none."""
    said = json.loads(run.read_text(encoding="utf-8"))
    with open_hdf5(test) as file:
        values = [said.get(name, file.attrs.get(name)) for name in ("mean", "std")]
    mean, std = (torch.tensor(value, dtype=torch.float32, device=device) for value in values)
    return mean, std


def load_network(model: Path, run: Path, precision: str) -> nn.Module:
    """Build the network that run.json describes, give it its weights, and make it ready to answer (``prepared``)."""
    said = json.loads(run.read_text(encoding="utf-8"))
    for library, version in find_source(said["model"]).version.items():
        before = said.get("versions", {}).get(library, version)
        if before != version:
            print(f"{run}: the network was built with {library} {before}, but is tested with {library} {version}")
    network = build_model(
        said["model"],
        said["num_classes"],
        image_size=said["image_size"],
        width=said["width"],
        frames=said.get("frames"),
        arguments=said.get("arguments") or None,
    )
    give_weights(network, load_tensors(model))
    frames = [said["frames"]] if said.get("frames") else []
    shape = (3, *frames, said["image_size"], said["image_size"])
    return prepared(network, choose_device(), precision, shape)


@torch.inference_mode()
def predict(
    network: nn.Module, samples: Samples, mean: torch.Tensor, std: torch.Tensor, precision: str, clips: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return predicted class int32 [N], its probability float32 [N] and nll float32 [N] of one test set.

    If there are ``clips`` samples of each video, one after the other, N is the number of videos.
    """
    answers = []
    labels = torch.from_numpy(samples.labels[::clips].copy()).to(mean.device)
    videos = max(1, batch_size(mean.device) // clips)
    for number, batch in enumerate(samples.batches(videos * clips)):
        logits = average_clips(forward(network, batch, mean, std, precision), clips)
        targets = labels[number * videos : (number + 1) * videos]
        confidence, predicted = logits.softmax(1).max(1)
        answers.append((predicted.int(), confidence, F.cross_entropy(logits, targets, reduction="none")))
    predicted, confidence, nll = (torch.cat(parts).cpu().numpy() for parts in zip(*answers, strict=True))
    return predicted, confidence, nll


def forward(
    network: nn.Module, batch: np.ndarray, mean: torch.Tensor, std: torch.Tensor, precision: str
) -> torch.Tensor:
    """Return logits float32 [n, classes] for images or clips as stored, uint8 [n, ..., 3]."""
    shape = (1, 3) + (1,) * (batch.ndim - 2)
    pixels = torch.from_numpy(batch).to(mean.device).movedim(-1, 1)
    inputs = normalise(pixels, mean.view(shape), std.view(shape), memory_format(network, mean.device))
    with autocast(inputs, precision):
        return network(inputs).float()


def predictor(
    network: nn.Module, mean: Sequence[float], std: Sequence[float], precision: str, shape: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that maps images uint8 [n, H, W, 3] to probabilities [n, classes]. It uses a GPU if visible.

    Args:
        network: the network, which is made ready to answer (``prepared``).
        mean, std: mean and std of its training pixels in [0, 1].
        precision: arithmetic of the forward pass.
        shape: shape of an image, [3, H, W].
    """
    device = choose_device()
    network, size = prepared(network, device, precision, shape), batch_size(device)
    scale = [torch.tensor(values, dtype=torch.float32, device=device) for values in (mean, std)]

    @torch.inference_mode()
    def probabilities(images: np.ndarray) -> np.ndarray:
        parts = (images[start : start + size] for start in range(0, len(images), size))
        return torch.cat([forward(network, part, *scale, precision).softmax(1) for part in parts]).cpu().numpy()

    return probabilities


def average_clips(logits: torch.Tensor, clips: int) -> torch.Tensor:
    """Return logits [N, classes] whose softmax is the mean over the clips of each video.

    Args:
        logits: logits of the clips, [N * clips, classes].
        clips: number of clips of each video.
    """
    if clips == 1:
        return logits
    log_probabilities = logits.log_softmax(1).unflatten(0, (-1, clips))
    return log_probabilities.logsumexp(1) - math.log(clips)
