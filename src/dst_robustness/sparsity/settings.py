"""The settings of a sparse training: the method, its options, and whether they fit together."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from dst_robustness.registry import unknown_name
from dst_robustness.sparsity import METHODS
from dst_robustness.sparsity.distributions import check_sparsity
from dst_robustness.sparsity.methods.base import Method

NOT_SHARED = {"self", "model", "optimizer", "method", "options", "exclude", "initial_masks", "loss", "non_finite"}
CHOICES = {"grown_state": ("own age", "plain"), "non_finite": ("refuse", "skip", "ignore")}


def chosen(method: str | Method, options: Mapping[str, Any], trainer: type) -> Method:
    """Return the method, with these options if it is given by name. Raises ValueError for an unknown option."""
    if isinstance(method, Method):
        if options:
            raise ValueError(f"{', '.join(options)}: give the options to {type(method).__name__} itself")
        return method
    own = METHODS[method].option_names()
    for name in options:
        if name not in own:
            shared = [key for key in inspect.signature(trainer).parameters if key != "options"]
            raise unknown_name(f"option for method '{method}'", name, [*own, *shared])
    return METHODS[method].with_options(options)


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``SparseTraining`` that a resumed run must share with the one that was interrupted."""
    return plain({name: value for name, value in arguments.items() if name not in NOT_SHARED})


def check(method: Method, given: Mapping[str, Any], **choices: str) -> None:
    """Raise ValueError for a value that is not allowed."""
    sparsity, last_update, grown_warmup, seed = (
        given[name] for name in ("sparsity", "last_update", "grown_warmup", "seed")
    )
    check_sparsity(sparsity)
    if sparsity and not method.sparse:
        raise ValueError(f"method '{method.name}' has no sparsity; it was given {sparsity:g}")
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {seed!r}; allowed: whole numbers from 0 up")
    if not 0 < last_update <= 1:
        raise ValueError(f"last_update is {last_update}; allowed: a share of the training, above 0, at most 1")
    if grown_warmup < 0 or (grown_warmup and choices["grown_state"] == "plain"):
        raise ValueError(f"grown_warmup is {grown_warmup}; allowed: 0, or with grown_state='own age' a number of steps")
    for name, value in choices.items():
        if value not in CHOICES[name]:
            raise unknown_name(f"value of {name}", value, CHOICES[name])


def starting_from(method: Method, density: float) -> Method:
    """Return the method with the density of given masks as its initial density, if it has that option unset."""
    free = "initial_density" in method.option_names() and getattr(method, "initial_density") is None  # noqa: B009
    return dataclasses.replace(method, initial_density=density) if free else method  # type: ignore[call-arg]


def check_step(closure: object, scaler: object) -> None:
    """Raise an error for arguments of ``step`` that do not go together."""
    if closure is not None and not callable(closure):
        raise TypeError(f"step takes a closure first, not {closure!r}: write step(clip_norm=...)")
    if closure is not None and scaler is not None:
        raise ValueError("a GradScaler does not work with a closure: pass one of the two")


def plain(value: Any) -> Any:
    """Return settings in types that ``torch.load(weights_only=True)`` reads: Python numbers, lists, dictionaries."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range, np.ndarray)):
        return [plain(entry) for entry in value]
    if isinstance(value, (np.generic, torch.Tensor)):
        return plain(value.tolist())
    return value if value is None or type(value) in (bool, int, float, str) else _of_base_type(value)


def _of_base_type(value: Any) -> Any:
    """Return a value of a derived type, such as an enumeration, in its plain type; else its text."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Return how the settings of a checkpoint differ from this training's, apart from a longer ``total_steps``."""
    there, here = ({**plain(one), "exclude": sorted(one.get("exclude", ()))} for one in (there, here))
    keys = sorted(key for key in there.keys() | here.keys() if there.get(key) != here.get(key))
    if there.get("total_steps", 0) < here.get("total_steps", 0):
        keys = [key for key in keys if key != "total_steps"]
    return ", ".join(f"{key}: {there.get(key)!r} there, {here.get(key)!r} here" for key in keys)
