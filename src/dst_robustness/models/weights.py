"""Trained weights of any file: match them to a network by name and shape, and check them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dst_robustness.models.tensor_files import give_weights
from dst_robustness.models.weight_files import SHOWN, WeightsError, read_tensors

_FIRST = "module"  # DistributedDataParallel and AveragedModel put this before names
_INSIDE = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")  # torch puts these anywhere in names
_COUNTERS = ("n_averaged",)  # AveragedModel has these beside the weights
_UNCOUNTED = "num_batches_tracked"  # batch norm has this, but old files lack it and testing does not use it


def load_weights(network: nn.Module, path: str | Path, num_classes: int) -> str:
    """Load the weights of a file into a network, and return in words what was loaded.

    The file is safetensors, or a state_dict of ``torch.save``, alone or inside a larger mapping. ``module.``,
    ``_orig_mod.`` and the like in names are ignored, and masks of pruning are applied. Any floating-point precision is
    accepted. If a file holds several sets of weights that fit, the moving average (EMA) is used.

    Raises WeightsError if the file is missing, empty or truncated, or would run code, and if weights are missing or
    unexpected, have other shapes, or are not finite.
    """
    network_state = network.state_dict()
    found = _best_match(read_tensors(path), network_state, path)
    faults = [
        *(f"lacks {name} {_shape(network_state[name])}" for name in found.missing),
        *(f"has {name} {_shape(found.tensors[name])}, which the network lacks" for name in found.unexpected),
        *(
            f"has {name} {_shape(found.tensors[name])}, the network {_shape(network_state[name])}"
            for name in found.other_shape
        ),
    ]
    if found.only_classes_differ(network_state, num_classes):
        name = found.other_shape[0]
        raise WeightsError(
            f"{path} holds a network of {len(found.tensors[name])} classes ({name}), not of {len(network_state[name])}"
        )
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise WeightsError(f"{path} does not fit the network: it {'; it '.join(faults[:SHOWN])}{more}")
    give_weights(network, found.checked(network_state, path))
    return found.place


def start_from(
    network: nn.Module, path: str | Path, num_classes: int, *, other_classes: bool = False
) -> tuple[str, list[str]]:
    """Load the weights of a file as a start. Return what was loaded, and which tensors stay fresh.

    It is like ``load_weights``, but the class head stays fresh if the file has none or one for other classes: another
    number of them, or ``other_classes``, as many but others.
    """
    network_state = network.state_dict()
    found = _best_match(read_tensors(path), network_state, path)
    fresh = found.head(network_state, num_classes)
    if other_classes and not found.faults:
        fresh = [name for name in _last(network_state) if network_state[name].shape[:1] == (num_classes,)]
    if not fresh:
        return load_weights(network, path, num_classes), []
    taken = found.checked({name: value for name, value in network_state.items() if name not in fresh}, path)
    give_weights(network, {**network_state, **taken})
    return found.place, fresh


@dataclass(frozen=True)
class _Match:
    """The tensors at one place of a file, compared with those of a network. All have the network's names."""

    place: str
    tensors: Mapping[str, Tensor]
    missing: list[str]
    unexpected: list[str]
    other_shape: list[str]

    @property
    def faults(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.other_shape)

    def only_classes_differ(self, wanted: Mapping[str, Tensor], num_classes: int) -> bool:
        """Return whether the only misfits are tensors of another length along the network's classes."""
        pairs = [(self.tensors[name].shape, wanted[name].shape) for name in self.other_shape]
        lengths = {(theirs[:1], ours[:1]) for theirs, ours in pairs}
        same_rest = all(theirs[1:] == ours[1:] for theirs, ours in pairs)
        of_classes = all(ours[:1] == (num_classes,) for _, ours in pairs)
        return self.faults == len(pairs) > 0 and len(lengths) == 1 and same_rest and of_classes

    def head(self, wanted: Mapping[str, Tensor], num_classes: int) -> list[str]:
        """Return the tensors of the class head, if only they are missing or of another size."""
        if self.only_classes_differ(wanted, num_classes):
            return self.other_shape
        headless = self.faults == len(self.missing) > 0 and set(self.missing) <= set(_last(wanted))
        return self.missing if headless else []

    def checked(self, wanted: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
        """Return the tensors of these names. Refuse any that are not finite or not plain numbers."""
        taken = {}
        for name, place in wanted.items():
            value = self.tensors.get(name, place)
            if value.is_meta:
                raise WeightsError(f"{path}: {name} was saved from the meta device, without values")
            if value.layout != torch.strided:
                value = value.to_dense()
            if place.is_floating_point() != value.is_floating_point():
                raise WeightsError(f"{path}: {name} is {value.dtype}, the network's {place.dtype}")
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                count = int((~torch.isfinite(value)).sum())
                raise WeightsError(f"{path}: {name} holds {count} values that are NaN or infinite")
            taken[name] = value
        return taken


def _best_match(content: Mapping[str, Any], wanted: Mapping[str, Tensor], path: str | Path) -> _Match:
    """Return the tensors of the file that fit the network best."""
    matches = [match for place, tensors in _state_dicts(content) for match in _matches(place, tensors, wanted)]
    if not matches:
        raise WeightsError(
            f"{path} holds no tensors by name, but: {', '.join(map(str, list(content)[:8])) or 'nothing'}"
        )
    fewest = min(match.faults for match in matches)
    best = [match for match in matches if match.faults == fewest]
    averages = [match for match in best if _is_average(match.place)]
    if len(best) > 1 and len(averages) != 1:
        raise WeightsError(
            f"{path} holds several sets of weights: {', '.join(match.place for match in best)}; keep one"
        )
    return (averages or best)[0]


def _state_dicts(content: Mapping[Any, Any], place: str = "") -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield each mapping of names to tensors inside a file, with its place. Several networks come one by one."""
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if tensors:
        yield place or "the whole file", tensors
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Mapping):
            yield from _state_dicts(value, f"{place}.{key}".lstrip("."))


def _matches(place: str, tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[_Match]:
    """Compare tensors with the network's, under their own names or without wrappers, whichever fits better.

    Several networks under different prefixes, such as a student and its teacher, come one by one.
    """
    bare = {_bare(name): value for name, value in tensors.items()}
    lost = {name: value for name, value in tensors.items() if bare[_bare(name)] is not value}
    unwrapped = [_unpruned(bare)] if _same({name: bare[_bare(name)] for name in lost}, lost) else []
    found = [
        [_compare(place, names, prefix, wanted) for prefix in _common_prefixes(names, wanted)]
        for names in (tensors, *unwrapped)
    ]
    return min(found, key=lambda matches: min(match.faults for match in matches))


def _compare(place: str, tensors: Mapping[str, Tensor], prefix: str, wanted: Mapping[str, Tensor]) -> _Match:
    inner = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    inner = {name: value for name, value in inner.items() if name not in _COUNTERS or name in wanted}
    return _Match(
        place=f"{place}, {prefix}*" if prefix else place,
        tensors=inner,
        missing=[name for name in wanted if name not in inner and not name.endswith(_UNCOUNTED)],
        unexpected=[name for name in inner if name not in wanted],
        other_shape=[name for name in wanted if name in inner and inner[name].shape != wanted[name].shape],
    )


def _last(wanted: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the tensors of a network's last layer."""
    layer = list(wanted)[-1].rpartition(".")[0]
    return [name for name in wanted if name.rpartition(".")[0] == layer]


def _bare(name: str) -> str:
    parts = name.split(".")
    while parts[0] in (_FIRST, *_INSIDE) and len(parts) > 1:
        parts = parts[1:]
    return ".".join(part for part in parts if part not in _INSIDE)


def _unpruned(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with those that ``torch.nn.utils.prune`` keeps apart, a weight and its mask, put together."""
    pruned = [name.removesuffix("_mask") for name in tensors if name.endswith("_mask")]
    whole = {name: tensors[f"{name}_orig"] * tensors[f"{name}_mask"] for name in pruned if f"{name}_orig" in tensors}
    parts = {f"{name}{part}" for name in whole for part in ("_orig", "_mask")}
    return {name: value for name, value in tensors.items() if name not in parts} | whole


def _common_prefixes(names: Mapping[str, Tensor], wanted: Mapping[str, Any]) -> list[str]:
    """Return the prefix of the network's names in a file in which it is part of a larger module, as in Lightning.

    Several are returned if more than half of the network is there several times, with different values.
    """
    prefixes: dict[str, int] = {"": sum(name in names for name in wanted)}
    for ours in list(wanted)[:SHOWN]:
        for theirs in names:
            if theirs.endswith(f".{ours}"):
                prefix = theirs.removesuffix(ours)
                prefixes[prefix] = sum(f"{prefix}{name}" in names for name in wanted)
    most = max(prefixes.values())
    best = [prefix for prefix, count in prefixes.items() if count == most]
    first = next((prefix for prefix in best if _is_average(prefix)), best[0])
    if not first or _is_average(first) or 2 * most <= len(wanted):
        return [first]
    sets = [{name: names[f"{prefix}{name}"] for name in wanted if f"{prefix}{name}" in names} for prefix in best]
    return [first, *(prefix for prefix, one in zip(best[1:], sets[1:], strict=True) if not _same(one, sets[0]))]


def _same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Return whether two sets of weights are one: modules that share a network save it under each of their names."""
    return one.keys() == other.keys() and all(
        a.shape == b.shape
        and a.dtype == b.dtype
        and (a.is_meta or b.is_meta or bool((a.to_dense() == b.to_dense()).all()))
        for a, b in ((one[name], other[name]) for name in one)
    )


def _is_average(place: str) -> bool:
    return "ema" in re.split("[^a-z]+", place.lower())


def _shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))
