"""Load a trained network from its file, with what the file says about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dst_robustness.models import build_model
from dst_robustness.models.foreign import library_arguments
from dst_robustness.models.weight_files import WeightsError
from dst_robustness.models.weights import load_weights

ARCHITECTURE = "model"  # the key under which run.json and the header of an export hold the model string
# Of what a file says about its network: the type, what must hold of it, and both in words.
KINDS: dict[str, tuple[type | tuple[type, ...], Callable[[Any], bool], str]] = {
    ARCHITECTURE: (str, bool, "a name"),
    "width": ((int, float), lambda value: value > 0, "a number above 0"),
    "num_classes": (int, lambda value: value >= 2, "a whole number from 2 on"),
    "image_size": (int, lambda value: value >= 8, "a whole number of at least 8 pixels"),
    "frames": (int, lambda value: value >= 1, "a whole number from 1 on"),
    "classes": (list, lambda value: len(set(map(str, value))) == len(value), "a list of different names"),
    "mean": (list, lambda value: all(isinstance(one, int | float) for one in value), "a list of numbers"),
    "std": (list, lambda value: all(isinstance(one, int | float) for one in value), "a list of numbers"),
    "arguments": (dict, lambda value: True, "a mapping"),
}


def describe_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return the description of a file of weights: the header of an export, or the run.json beside a model.pt.

    The keys are those of run.json: model, num_classes, image_size, width, classes, mean, std and more. The result is
    empty if there is no description. Raises WeightsError for a value of another kind, since the file may be anyone's.
    """
    path = Path(path)
    beside = path.with_name("run.json")
    if path.name == "model.pt" and beside.is_file():
        return _checked(path, json.loads(beside.read_text(encoding="utf-8")))
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            start = file.read(1)
            if start != b"{" or length > 100_000_000:
                return {}
            header = json.loads(start + file.read(length - 1)).get("__metadata__", {})
    except (OSError, ValueError) as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    return _checked(path, {key: _read_value(value) for key, value in header.items()})


def _checked(path: Path, said: dict[str, Any]) -> dict[str, Any]:
    for key, (kind, fits, expected) in KINDS.items():
        value = said.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind) or not fits(value)):
            raise WeightsError(f"{path} says that its {key} is {value!r}; expected {expected}")
    return said


def _read_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def build_options(said: Mapping[str, Any], model: str, width: float = 1.0) -> dict[str, Any]:
    """Return the width and the arguments to build a network with: those in its description, if that is of this model.

    Args:
        said: the description; see ``describe_checkpoint``.
        model: the model that is built.
        width: the width of another model, or of one whose description does not say it.
    """
    own = said if said.get(ARCHITECTURE) == model else {}
    return {"width": own.get("width", width), "arguments": own.get("arguments") or None}


def check_scale(path: Path, mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise ValueError unless mean and std are those of pixels in [0, 1], as of 0 to 255 they would be silly ones."""
    for name, values, fits in (
        ("mean", mean, lambda value: 0 <= value <= 1),
        ("std", std, lambda value: 0 < value <= 1),
    ):
        if len(values) != 3 or not all(map(fits, values)):
            raise ValueError(f"{path}: {name} is {list(values)}; expected red, green, blue of pixels in [0, 1]")


def load_checkpoint(
    path: str | Path,
    model: str,
    num_classes: int,
    *,
    image_size: int,
    frames: int | None = None,
    width: float = 1.0,
    arguments: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Return the network of a checkpoint with its weights; see ``build_model`` and ``load_weights``.

    A transformer of a library is first tried with the small patches that this project chooses for small images, then
    with the library's own. Raises WeightsError also if the network answers NaN, as with a negative variance, and
    ValueError if it answers probabilities, whose softmax would be taken again.
    """
    options = {"image_size": image_size, "frames": frames, "width": width}
    network = build_model(model, num_classes, **options, arguments=arguments)
    try:
        load_weights(network, path, num_classes)
    except WeightsError:
        chosen = library_arguments(network)
        if arguments is not None or "patch_size" not in chosen:
            raise
        others = {key: value for key, value in chosen.items() if key != "patch_size"}
        network = build_model(model, num_classes, **options, arguments=others)
        load_weights(network, path, num_classes)
    _check_scores(network, model, path, (3, *((frames,) if frames else ()), image_size, image_size))
    return network


@torch.inference_mode()
def _check_scores(network: nn.Module, model: str, path: str | Path, shape: tuple[int, ...]) -> None:
    noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    was_training = network.training
    answers = network.eval()(noise)
    network.train(was_training)
    if not bool(torch.isfinite(answers).all()):
        raise WeightsError(
            f"{path}: the network answers NaN or infinite scores to noise; its weights are no trained ones"
        )
    if bool((answers >= 0).all() and ((answers.float().sum(1) - 1).abs() < 1e-3).all()):
        raise ValueError(
            f"model '{model}' returns probabilities, and the softmax of these would be no confidence; it must return "
            f"class scores, as before its softmax"
        )
