"""One topology update over all layers: which weights stay, which grow, and the proof that the counts are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from dst_robustness.sparsity import distributed
from dst_robustness.sparsity.layers import SparseLayer
from dst_robustness.sparsity.masks import drop_and_grow, global_masks, rule_out
from dst_robustness.sparsity.methods.base import Method

STAY, GROWN = 1, 2


@dataclass(frozen=True)
class TopologyUpdate:
    """What one topology update did, over all layers; ``densities`` is layer by layer.

    ``regrown`` counts the weights that were dropped and grown again at once. ``itop_rate`` is the share of the maskable
    weights that have ever been active (Liu et al., 2021, arXiv:2102.02887). An update is ``skipped`` where a weight or
    gradient is not finite.
    """

    step: int
    density: float
    densities: dict[str, float]
    itop_rate: float
    dropped: int = 0
    grown: int = 0
    regrown: int = 0
    skipped: bool = False


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """Return whether all values are finite, on all processes; a sum is finite only if all its terms are."""
    sums = torch.stack([tensor.sum(dtype=torch.float32) for tensor in tensors])
    return distributed.everywhere(sums.isfinite().all())


def choose(
    layers: Sequence[SparseLayer],
    weights: Sequence[Tensor],
    method: Method,
    gradients: Sequence[Tensor] | None,
    counts: Sequence[int] | int,
    targets: Sequence[int],
    drop_fraction: float,
    generator: Generator,
) -> list[Tensor]:
    """Return a flat uint8 tensor a layer: ``STAY`` for what stays, ``GROWN`` for what is grown, 0 for the rest.

    ``weights`` and ``gradients`` are flat, in float32. ``counts`` is how many weights each layer has after the update,
    or how many all of them share by score; ``targets`` is how many each has at the end of training. The first process
    decides for all.
    """
    if not distributed.decides():
        return distributed.broadcast([torch.empty_like(weight, dtype=torch.uint8) for weight in weights])
    slopes = [weight.new_empty(0) for weight in weights] if gradients is None else [g.float() for g in gradients]
    keep = [
        rule_out(method.keep_score(weight, slope), ~layer.is_active)
        for layer, weight, slope in zip(layers, weights, slopes, strict=True)
    ]
    if isinstance(counts, int):
        counts = torch.stack([mask.count_nonzero() for mask in global_masks(keep, counts)]).tolist()
    choices = []
    for layer, weight, slope, score, count, target in zip(layers, weights, slopes, keep, counts, targets, strict=True):
        survivors = method.survivors(layer.active, count, target, drop_fraction)
        grow = method.grow_score(weight, slope, generator) if method.dst else None
        stay, grown = drop_and_grow(score, grow, survivors, count)
        choices.append(stay.view(torch.uint8).add(grown.view(torch.uint8), alpha=GROWN))
    return distributed.broadcast(choices)


@torch.no_grad()
def apply(
    layers: Sequence[SparseLayer],
    weights: Sequence[Tensor],
    choices: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    regrown: str,
) -> dict[str, int]:
    """Take over the choices and zero what is no longer active, the optimiser's states with it.

    ``weights`` are those before the update, flat. With ``regrown`` "zero", weights that were dropped and grown again
    start from zero as well. Returns the numbers of weights dropped, grown, regrown and ever_active. Raises RuntimeError
    if an inactive weight was not zero before, or if the processes hold different masks.
    """
    rows = []
    for layer, weight, choice in zip(layers, weights, choices, strict=True):
        active, mask = layer.is_active, choice.bool()
        stay, grown = (choice & STAY).bool(), (choice & GROWN).bool()
        stray = weight.bool() & ~active
        layer.ever_active |= mask
        layer.set_mask(stay if regrown == "zero" else mask)
        layer.zero_inactive(optimizer)
        layer.set_mask(mask)
        sets = (mask, stay, grown & active, layer.ever_active, stray)
        rows.append(torch.stack([members.count_nonzero() for members in sets]))
    if distributed.several_processes():
        places = [layer.is_active.nonzero().sum() for layer in layers]
        distributed.assert_same("masks", torch.stack(places))
    before = sum(layer.active for layer in layers)
    table = torch.stack(rows).tolist()
    for layer, (count, _, _, _, strays) in zip(layers, table, strict=True):
        layer.active = count
        if strays:
            raise RuntimeError(f"{layer.name}: {strays} inactive weights were moved by something other than step()")
    after, stayed, again, ever, _ = (sum(column) for column in zip(*table, strict=True))
    return {"dropped": before - stayed, "grown": after - stayed, "regrown": again, "ever_active": ever}
