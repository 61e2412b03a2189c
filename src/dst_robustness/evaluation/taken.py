"""Turn a network that was trained elsewhere into the files that a training would leave, so that all later steps fit."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dst_robustness.jobs.files import write_text
from dst_robustness.jobs.provenance import versions
from dst_robustness.models.checkpoints import build_options, check_scale, describe_checkpoint, load_checkpoint
from dst_robustness.models.foreign import library_arguments
from dst_robustness.models.sources import find_source
from dst_robustness.models.tensor_files import save_tensors
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.storage import Samples, open_hdf5
from dst_robustness.sparsity.flops import inference_flops, layer_flops
from dst_robustness.sparsity.maskable import layer_weights
from dst_robustness.study.run import Run

log = logging.getLogger(__name__)


def take_network(
    weights: Path, test: Path, folder: Path, run: Run, *, mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    """Write model.pt, masks.pt, run.json, history.csv and topology.csv of a network that is only tested.

    Args:
        weights: safetensors, or a state_dict of torch.save.
        test: the clean test split, for its classes and sizes.
        folder: folder for the files.
        run: what the network is called. Its ``method`` is the network's name, its ``scenario`` that of the baseline.
        mean, std: mean and std of its training pixels in [0, 1]; None for those in the file.

    Raises:
        ValueError: if the weights do not fit the model or the classes, or if mean and std are not known.
    """
    said = describe_checkpoint(weights)
    with open_hdf5(test) as file:
        samples, about = Samples(file), SetAttributes.read(file)
    classes = list(about.classes or ())
    _check_classes(weights, said.get("classes"), classes)
    scale = {"mean": mean or said.get("mean"), "std": std or said.get("std")}
    for name, value in scale.items():
        if value is None:
            raise ValueError(f"{weights} does not say the {name} of its training pixels; give `{name}: [r, g, b]`")
    check_scale(weights, scale["mean"], scale["std"])
    built = build_options(said, run.model, run.width)
    size = about.image_size or samples.sample_shape[-2]
    frames = samples.sample_shape[0] if len(samples.sample_shape) == 4 else None
    options = {"image_size": size, "frames": frames}
    network = load_checkpoint(weights, run.model, len(classes), **options, **built)
    shape = (3, *((frames,) if frames else ()), size, size)
    save_tensors(folder / "model.pt", {name: value.contiguous() for name, value in network.state_dict().items()})
    save_tensors(folder / "masks.pt", _masks(network))
    write_text(folder / "history.csv", "epoch,step,loss,accuracy,validation_loss,validation_accuracy,density,seconds\n")
    write_text(folder / "topology.csv", "step,density,dropped,grown,regrown,itop_rate\n")
    described = {
        **asdict(run),
        "label": run.method,
        "dst": False,
        "num_classes": len(classes),
        "classes": classes,
        **{name: list(value) for name, value in scale.items()},
        **options,
        "width": built["width"],
        "arguments": library_arguments(network),
        **_costs(network, shape),
        "weights": str(weights),
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "versions": versions("torch", "torchvision", "numpy") | find_source(run.model).version,
    }
    write_text(folder / "run.json", json.dumps(described, indent=2) + "\n")


def _check_classes(weights: Path, theirs: Sequence[str] | None, ours: Sequence[str]) -> None:
    """Raise ValueError if a file has classes of the data set under other numbers; warn if it has other names."""
    if not theirs or len(theirs) != len(ours):  # the class head will tell
        return
    others = [i for i, (one, other) in enumerate(zip(theirs, ours, strict=True)) if one != other]
    first = next((i for i in others if theirs[i] in ours or ours[i] in theirs), None)
    if first is None and others:
        log.warning(
            "%s has other names for %d classes, '%s' for '%s': they are taken for the same in this order",
            weights, len(others), theirs[others[0]], ours[others[0]],
        )  # fmt: skip
    if first is not None:
        raise ValueError(
            f"{weights} counts the classes in another way than the data set: class {first} is '{theirs[first]}' there "
            f"and '{ours[first]}' here"
        )


def _masks(network: nn.Module) -> Mapping[str, torch.Tensor]:
    """Return where the weights are not zero, since a sparse network from elsewhere has no masks."""
    return {weight.name: weight.parameter.detach() != 0 for weight in layer_weights(network)}


def _costs(network: nn.Module, shape: tuple[int, ...]) -> dict[str, Any]:
    parameters = list(network.parameters())
    masks, amounts = _masks(network), layer_flops(network, shape)
    densities = {name: float(mask.float().mean()) for name, mask in masks.items()}
    dense = inference_flops(amounts)
    sparse = inference_flops(amounts, densities)
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "nonzero_parameters": sum(int(torch.count_nonzero(parameter)) for parameter in parameters),
        "inference_flops": sparse,
        "inference_flops_ratio": sparse / dense if dense else 1.0,
    }
