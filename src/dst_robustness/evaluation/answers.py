"""Turn the result of any predict function into numpy classes and probabilities, or refuse it in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SUM_ERROR = 0.02  # how far the sum of a row of probabilities in half precision may be from one


@dataclass(frozen=True)
class Answers:
    """The answers of a network to a batch of images.

    Attributes:
        predicted: predicted class of each image, int64 [N].
        confidence: probability of that class, float64 [N]; NaN if only classes are known.
        nll: negative log-likelihood of the true class in nats, float64 [N]; NaN if only classes are known.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    nll: np.ndarray


def read_answers(returned: Any, labels: np.ndarray) -> Answers:
    """Return the answers to images with these labels, int64 [N].

    Args:
        returned: classes [N], or probabilities or logits [N, K], as numpy, torch, JAX, TensorFlow or lists. If all rows
            are in [0, 1] and sum to one, they are probabilities, else logits.
        labels: true class of each image, int64 [N].

    Raises:
        ValueError: for another length or shape, for NaN, or for fewer classes than the labels need.
    """
    values = to_numpy(returned, "what predict returned")
    count = len(labels)
    if values.ndim not in (1, 2) or len(values) != count:
        raise ValueError(
            f"predict returned {list(values.shape)} for {count} images; expected classes [{count}], or "
            f"probabilities or logits [{count}, classes]"
        )
    if values.ndim == 1:
        return _from_classes(values)
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"predict returned {int((~np.isfinite(values)).sum())} values that are NaN or infinite")
    if values.shape[1] <= labels.max(initial=0):
        raise ValueError(
            f"predict returned scores of {values.shape[1]} classes, but there are labels up to {labels.max()}"
        )
    probabilities = values if _are_probabilities(values) else _softmax(values)
    predicted = probabilities.argmax(1)
    rows = np.arange(count)
    tiny = np.finfo(np.float64).tiny
    return Answers(
        predicted=predicted,
        confidence=probabilities[rows, predicted],
        nll=-np.log(np.maximum(probabilities[rows, labels], tiny)),
    )


def to_numpy(value: Any, what: str) -> np.ndarray:
    """Convert an array of any library, on any device and in any precision, to numpy."""
    if hasattr(value, "detach"):  # torch converts no tensor that is on a GPU, needs a gradient, or is bfloat16
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
    if isinstance(value, dict) or (isinstance(value, tuple) and len({np.shape(part) for part in value}) > 1):
        raise ValueError(f"{what} is a {type(value).__name__} of several items; expected one array")
    try:
        array = np.asarray(value)
    except Exception as error:  # ragged lists, objects of unknown libraries
        raise ValueError(f"{what} is a {type(value).__name__}, not an array: {error}") from error
    if array.dtype.kind not in "biufV" or (array.dtype.kind == "V" and "float" not in array.dtype.name):
        found = type(value).__name__ if array.dtype.kind == "O" else array.dtype
        raise ValueError(f"{what} is {found}; expected numbers")
    return array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16 of JAX


def is_whole(values: np.ndarray) -> bool:
    """Return whether all values are whole numbers that an int64 can hold."""
    return values.dtype.kind != "f" or bool(np.all((values == np.rint(values)) & (np.abs(values) < 2**63)))


def _from_classes(values: np.ndarray) -> Answers:
    if not is_whole(values):
        raise ValueError(f"predict returned {values.dtype} [{len(values)}], not whole numbers; expected classes")
    if values.min(initial=0) < 0:
        raise ValueError(f"predict returned class {values.min()}; expected classes from 0 on")
    unknown = np.full(len(values), np.nan)
    return Answers(values.astype(np.int64), unknown, unknown)


def _are_probabilities(values: np.ndarray) -> bool:
    return bool(values.min(initial=0) >= 0 and np.allclose(values.sum(1), 1, atol=SUM_ERROR))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
