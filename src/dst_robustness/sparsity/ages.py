"""Bias correction of Adam by a weight's own age.

Adam divides the moving averages of a gradient by what they can have reached since the optimiser's first step. A weight
that is grown at step t starts with averages of zero. Corrected as if it had been there from the start, its updates are
up to (1 - beta1) / sqrt(1 - beta2) = 3.2 times too large at first, and 6.5 times ten steps later. Here the updates of
grown weights are computed again, with the number of steps since they were grown (SMET, 2026, arXiv:2606.00888).
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Adamax, AdamW, NAdam, Optimizer, RAdam

from dst_robustness.sparsity.layers import SparseLayer

KNOWN = (Adam, AdamW, NAdam, RAdam)  # exactly these classes: what is derived from them may step in another way
GROWN_UP = 1e-4  # a weight is, once beta2 ** age is below this: the correction is then the same to 5e-5
CHUNK = 1 << 16  # weights that are computed at a time on a CPU, so that what is between stays in its cache
NEVER = -(1 << 30)


def own_ages(optimizer: Optimizer, layers: Iterable[SparseLayer], warmup: int = 0) -> OwnAges | None:
    """Return the ages for an optimiser of the Adam family, and None for others.

    Warns of an optimiser that has moments as Adam, but in a form that is not known. Raises ValueError for a warm-up
    where there are no ages.
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


class OwnAges:
    """The ages of grown weights under an optimiser of the Adam family, and the updates that follow from them.

    ``before_step`` and ``after_step`` stand around the optimiser's step. Weights that are there from the start, and
    those that have grown up, keep what the optimiser made of them.

    Attributes:
        born: for each layer's name, the step that each weight was grown at, int32 in the memory layout of the weight.
        now: the optimiser's steps since the start of the training.
        warmup: steps in which the rate of a grown weight rises to the full one; 0 for none.
    """

    def __init__(self, optimizer: Optimizer, layers: Iterable[SparseLayer], warmup: int = 0) -> None:
        self.optimizer, self.layers, self.warmup = optimizer, list(layers), warmup
        self.born = {layer.name: torch.full_like(layer.weight, NEVER, dtype=torch.int32) for layer in self.layers}
        self.now = 0
        self._last_growth: dict[str, int] = {}
        self._groups: dict[int, dict[str, Any]] = {}
        self._before: list[tuple[SparseLayer, Tensor]] = []

    @torch.no_grad()
    def grow(self, layer: SparseLayer, grown: Tensor) -> None:
        """Note that weights, a bool mask of the weight's shape, are grown now."""
        self.born[layer.name].masked_fill_(grown, self.now)
        self._last_growth[layer.name] = self.now

    @torch.no_grad()
    def before_step(self) -> None:
        """Keep a copy of the layers that hold young weights."""
        # Not once and for all: loading a state makes new groups.
        self._groups = {id(p): group for group in self.optimizer.param_groups for p in group["params"]}
        young = [layer for layer in self.layers if self._has_young(layer)]
        self._before = [(layer, layer.weight.detach().clone()) for layer in young if layer.weight.grad is not None]

    @torch.no_grad()
    def after_step(self) -> None:
        """Replace the updates of young weights by those that their own age gives."""
        self.now += 1
        for layer, before in self._before:
            self._correct(layer, before)
        self._before = []

    def _has_young(self, layer: SparseLayer) -> bool:
        group = self._groups[id(layer.weight)]
        return self.now - self._last_growth.get(layer.name, NEVER) < self._horizon(group)

    def _horizon(self, group: Mapping[str, Any]) -> int:
        """Return the age at which a weight has grown up."""
        slowest = max(float(beta) for beta in group["betas"])
        return max(self.warmup, math.ceil(math.log(GROWN_UP) / math.log(slowest)) if slowest else 1)

    def _correct(self, layer: SparseLayer, before: Tensor) -> None:
        weight, group = layer.weight.detach(), self._groups[id(layer.weight)]
        state = self.optimizer.state[layer.weight]
        squares = state["max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"]
        parts = [weight, before, self.born[layer.name], state["exp_avg"], squares]
        if isinstance(self.optimizer, NAdam):
            parts.append(layer.weight.grad)
        flat = [_in_memory_order(part, weight) for part in parts]
        size = CHUNK if weight.device.type == "cpu" else weight.numel()
        for chunk in zip(*(part.split(size) for part in flat), strict=True):
            self._correct_chunk(group, *chunk)

    def _correct_chunk(
        self, group: Mapping[str, Any], weight: Tensor, before: Tensor, born: Tensor, m: Tensor, v: Tensor, *g: Tensor
    ) -> None:
        """Set weight = decayed - rate (a m + b g) / (c sqrt(v) + d), with factors that depend on the age."""
        horizon = self._horizon(group)
        precision = torch.promote_types(weight.dtype, torch.float32)
        age = (self.now - born).clamp_(max=horizon)
        tables = _factors_on(weight.device, precision, *self._form(group))
        a, b, c, d = (table.index_select(0, age) if table.ndim else table for table in tables)
        rate, decay = group["lr"], group["weight_decay"]
        step = a.mul_(m)
        if g:
            slope = -g[0] if group["maximize"] else g[0]
            if decay and not group["decoupled_weight_decay"]:
                slope = slope + decay * before
            step.add_(b.mul_(slope))
        step.div_(c.mul_(v.to(precision).sqrt()).add_(d)).mul_(rate)
        keep = 1 - rate * decay if group["decoupled_weight_decay"] else 1
        weight.copy_(torch.where(age < horizon, before * keep - step, weight))

    def _form(self, group: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what the factors depend on beside the age."""
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
        """Take over what ``state_dict`` returned."""
        self.now, self._last_growth = state["now"], dict(state["last_growth"])
        for name, born in self.born.items():
            born.copy_(state["born"][name])


def _in_memory_order(tensor: Tensor, like: Tensor) -> Tensor:
    """Return the values flat, in the order in which those of ``like`` lie in memory; a view if they lie so as well."""
    order = sorted(range(like.ndim), key=lambda axis: like.stride(axis), reverse=True)
    return tensor.permute(order).reshape(-1)


@functools.cache
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
