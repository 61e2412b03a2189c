"""Bias correction of Adam by a weight's own age.

Adam's moving averages of a gradient start at zero, so Adam corrects them by the number of steps so far. A weight that
is grown at step t starts with averages of zero too. If it is corrected as if it had existed from the start, its updates
are up to (1 - beta1) / sqrt(1 - beta2) = 3.2 times too large at first, and 6.5 times ten steps later. Here the updates
of grown weights are computed again, with the number of steps since they were grown (SMET, 2026, arXiv:2606.00888).
"""

from __future__ import annotations

import functools
import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Adamax, AdamW, NAdam, Optimizer, RAdam

from dst_robustness.sparsity.layers import SparseLayer

KNOWN = (Adam, AdamW, NAdam, RAdam)  # exactly these classes: a derived class may take its steps in another way
GROWN_UP = 1e-4  # a weight is grown up once beta2 ** age is below this: its correction is then right to 5e-5
NEVER = -(1 << 30)


def own_ages(optimizer: Optimizer, layers: Iterable[SparseLayer], warmup: int = 0) -> OwnAges | None:
    """Return the ages for an optimiser of the Adam family, or None for others.

    Warns about an optimiser that has Adam's moments but an unknown correction. Raises ValueError if a warm-up is asked
    for with an optimiser without ages.
    """
    if type(optimizer) in KNOWN:
        return OwnAges(optimizer, layers, warmup)
    if warmup:
        names = ", ".join(kind.__name__ for kind in KNOWN)
        raise ValueError(f"grown_warmup works with {names}, not with {type(optimizer).__name__}")
    if any("betas" in group for group in optimizer.param_groups) and type(optimizer) is not Adamax:
        warnings.warn(
            f"{type(optimizer).__name__}: how it corrects its moments is not known, so the first updates of a grown "
            f"weight may be several times too large; say grown_state='plain' if this is meant",
            stacklevel=3,
        )
    return None


@dataclass
class Young:
    """The young weights of some layers.

    Attributes:
        layers: the layers.
        places: their indices in the values of all the layers, joined in memory order, int64.
        born: the step at which each was grown, int32.
        strides: the memory layouts of the weights, for which the places are.
        parts: numbers of the layers whose weight is a part of a larger tensor, so that only a copy of it is flat.
    """

    layers: Sequence[SparseLayer]
    places: Tensor
    born: Tensor
    strides: list[tuple[int, ...]]
    parts: list[int]

    def values(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the values of the young weights in one tensor per layer, flat in a new tensor."""
        return _joined(tensors, self.layers).index_select(0, self.places)

    def write(self, values: Tensor) -> None:
        """Set the young weights."""
        weights = [_in_memory_order(layer.weight, layer.weight) for layer in self.layers]
        if len(weights) == 1:
            weights[0].scatter_(0, self.places, values)
        else:
            joined = torch.cat(weights).scatter_(0, self.places, values)
            torch._foreach_copy_(weights, joined.split([weight.numel() for weight in weights]))
        for number in self.parts:
            weight = self.layers[number].weight
            whole = _ordered(weight, weight)
            whole.copy_(weights[number].view(whole.shape))


class OwnAges:
    """The ages of grown weights under an optimiser of the Adam family, and the updates that follow from them.

    Call ``before_step`` and ``after_step`` around the optimiser's step. They change only the active weights of a layer
    that were young at its last growth. All others keep the optimiser's update.

    Attributes:
        born: by layer name, the step at which each weight was grown, int32 in the memory layout of the weight.
        now: number of the optimiser's steps since the start of the training.
        warmup: number of steps over which the learning rate of a grown weight rises to the full one; 0 for none.
    """

    def __init__(self, optimizer: Optimizer, layers: Iterable[SparseLayer], warmup: int = 0) -> None:
        self.optimizer, self.layers, self.warmup = optimizer, list(layers), warmup
        self.born = {layer.name: torch.full_like(layer.weight, NEVER, dtype=torch.int32) for layer in self.layers}
        self.now = 0
        self._last_growth: dict[str, int] = {}
        self._found: dict[str, Young] = {}  # by the name of the first layer
        self._before: list[tuple[dict[str, Any], list[tuple[Young, Tensor]]]] = []

    @torch.no_grad()
    def grow(self, layer: SparseLayer, grown: Tensor) -> None:
        """Note which weights are grown now, a bool mask of the weight's shape. The layer has its new mask already."""
        self.born[layer.name].masked_fill_(grown, self.now)
        self._last_growth[layer.name] = self.now
        self._found.clear()

    @torch.no_grad()
    def before_step(self) -> None:
        """Keep the values of young weights before the optimiser's step."""
        by_parameter = {layer.weight: layer for layer in self.layers}
        self._before = []
        for group in self.optimizer.param_groups:
            horizon = self._horizon(group)
            layers = [by_parameter[p] for p in group["params"] if p in by_parameter and p.grad is not None]
            layers = [layer for layer in layers if self.now - self._last_growth.get(layer.name, NEVER) < horizon]
            young = [self._young(together, horizon) for together in _taken_together(layers)]
            kept = [(each, each.values([layer.weight for layer in each.layers])) for each in young if len(each.born)]
            if kept:
                self._before.append((group, kept))

    @torch.no_grad()
    def after_step(self) -> None:
        """Replace the updates of young weights by updates for their own age."""
        self.now += 1
        for group, kept in self._before:
            for young, before in kept:
                young.write(self._corrected(group, young, before))
        self._before = []

    def _young(self, layers: Sequence[SparseLayer], horizon: int) -> Young:
        """Return the weights of some layers that were young at the layer's last growth."""
        names = [layer.name for layer in layers]
        strides = [layer.weight.stride() for layer in layers]
        found = self._found.get(names[0])
        if found is None or [layer.name for layer in found.layers] != names or found.strides != strides:
            masks = [
                (self.born[layer.name] > self._last_growth[layer.name] - horizon).logical_and_(layer.mask)
                for layer in layers
            ]
            places = _joined(masks, layers).nonzero().view(-1)
            born = _joined([self.born[name] for name in names], layers).index_select(0, places)
            ordered = [_ordered(layer.weight, layer.weight) for layer in layers]
            parts = [number for number, weight in enumerate(ordered) if not weight.is_contiguous()]
            found = self._found[names[0]] = Young(layers, places, born, strides, parts)
        return found

    def _horizon(self, group: Mapping[str, Any]) -> int:
        """Return the age at which a weight has grown up."""
        slowest = max(float(beta) for beta in group["betas"])
        return max(self.warmup, math.ceil(math.log(GROWN_UP) / math.log(slowest)) if slowest else 1)

    def _corrected(self, group: Mapping[str, Any], young: Young, before: Tensor) -> Tensor:
        """Return decayed - rate (a m + b g) / (c sqrt(v) + d), with factors that depend on the age."""
        states = [self.optimizer.state[layer.weight] for layer in young.layers]
        squares = "max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"
        m, v = (young.values([state[name] for state in states]) for name in ("exp_avg", squares))
        precision = torch.promote_types(before.dtype, torch.float32)
        tables = _factors_on(before.device, precision, *self._form(group))
        age = (self.now - young.born).clamp_(max=self._horizon(group))
        a, b, c, d = (table.index_select(0, age) if table.ndim else table for table in tables)
        rate, decay = group["lr"], group["weight_decay"]
        step = a.mul_(m)
        if isinstance(self.optimizer, NAdam):
            slope = young.values([layer.weight.grad for layer in young.layers])  # type: ignore[misc]
            slope = -slope if group["maximize"] else slope
            if decay and not group["decoupled_weight_decay"]:
                slope = slope + decay * before
            step.add_(b.mul_(slope))
        step.div_(c.mul_(v.to(precision).sqrt_()).add_(d)).mul_(rate)
        keep = 1 - rate * decay if group["decoupled_weight_decay"] else 1
        return before.to(precision).mul_(keep).sub_(step).to(before.dtype)

    def _form(self, group: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what the factors depend on besides the age."""
        betas = (float(beta) for beta in group["betas"])
        return (
            type(self.optimizer),
            *betas,
            group["eps"],
            group.get("momentum_decay"),
            self._horizon(group),
            self.warmup,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        born = {name: born.clone() for name, born in self.born.items()}
        return {"now": self.now, "last_growth": dict(self._last_growth), "born": born}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned. The layers have their masks already."""
        self.now, self._last_growth = state["now"], dict(state["last_growth"])
        for name, born in self.born.items():
            born.copy_(state["born"][name])
        self._found.clear()


def _taken_together(layers: Sequence[SparseLayer]) -> list[list[SparseLayer]]:
    """Return the layers in lists that are corrected in one go.

    On a CPU each layer is alone, since its values stay in the cache. A GPU gets as few calls as possible.
    """
    together = defaultdict[Any, list[SparseLayer]](list)
    for layer in layers:
        device = layer.weight.device
        together[layer.name if device.type == "cpu" else (device, layer.weight.dtype)].append(layer)
    return list(together.values())


def _joined(tensors: Sequence[Tensor], layers: Sequence[SparseLayer]) -> Tensor:
    """Return one tensor per layer flat, in the memory order of the weights; that of a single layer as a view."""
    flat = [_in_memory_order(tensor, layer.weight) for tensor, layer in zip(tensors, layers, strict=True)]
    return flat[0] if len(flat) == 1 else torch.cat(flat)


def _in_memory_order(tensor: Tensor, like: Tensor) -> Tensor:
    """Return the values flat in the memory order of ``like``; as a view if they have that order without gaps."""
    return _ordered(tensor, like).reshape(-1)


def _ordered(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor with its axes in the memory order of ``like``."""
    if like.is_contiguous():
        return tensor
    return tensor.permute(sorted(range(like.ndim), key=lambda axis: like.stride(axis), reverse=True))


@functools.lru_cache(maxsize=16)  # a schedule of beta1 makes others in each step
def _factors_on(device: torch.device, precision: torch.dtype, *form: Any) -> tuple[Tensor, ...]:
    return tuple(factor.to(device, precision) for factor in factors(*form))


def factors(
    kind: type[Optimizer], beta1: float, beta2: float, eps: float, momentum_decay: float, horizon: int, warmup: int
) -> tuple[Tensor, ...]:
    """Return the factors a, b, c, d of an update by age, which is 1 in the first update.

    They are float64 [horizon + 1], or [] if they are the same at all ages.
    """
    age = torch.arange(horizon + 1, dtype=torch.float64).clamp_(min=1)
    first, second = 1 - beta1**age, 1 - beta2**age
    a, b, c, d = 1 / first, torch.zeros(()), second.rsqrt(), torch.tensor(eps, dtype=torch.float64)
    if kind is NAdam:
        mu = beta1 * (1 - 0.5 * 0.96 ** (torch.arange(1, horizon + 3, dtype=torch.float64) * momentum_decay))
        product = mu.cumprod(0)
        i = age.long() - 1
        a, b = mu[i + 1] / (1 - product[i + 1]), (1 - mu[i]) / (1 - product[i])
    if kind is RAdam:
        longest = 2 / (1 - beta2) - 1
        rho = longest - 2 * age * beta2**age / second
        adaptive = rho > 5
        root = (rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)
        a = a * torch.where(adaptive, root.clamp(min=0).sqrt(), 1)
        c, d = torch.where(adaptive, c, 0), torch.where(adaptive, c * eps, 1)
    rise = (age / warmup).clamp(max=1) if warmup else 1
    return a * rise, b * rise, c, d
