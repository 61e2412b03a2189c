"""One topology update over all layers: which weights stay, which grow, and a check that the counts are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from dst_robustness.sparsity import distributed
from dst_robustness.sparsity.ages import OwnAges
from dst_robustness.sparsity.initial import generator_at, warn_of_kept
from dst_robustness.sparsity.layers import SparseLayer, SparseWeights
from dst_robustness.sparsity.masks import drop_and_grow, global_masks, rule_out
from dst_robustness.sparsity.methods.base import Method
from dst_robustness.sparsity.optimizers import forget_directions, renew_states, warn_of_states
from dst_robustness.sparsity.plan import Plan

STAY, GROWN = 1, 2


@dataclass(frozen=True)
class TopologyUpdate:
    """What one topology update did over all layers. ``densities`` has one value per layer.

    ``regrown`` counts the weights that were dropped and grown again at once. ``itop_rate`` is the share of the maskable
    weights that have ever been active (Liu et al., 2021, arXiv:2102.02887). An update is ``skipped`` if a weight or
    gradient is not finite. ``kept`` names the layers that the common budget of all layers would have left empty. They
    keep as many weights as they have outputs.
    """

    step: int
    density: float
    densities: dict[str, float]
    itop_rate: float
    dropped: int = 0
    grown: int = 0
    regrown: int = 0
    skipped: bool = False
    kept: list[str] = field(default_factory=list)


@torch.no_grad()
def update(
    network: SparseWeights,
    plan: Plan,
    step: int,
    gradients: Sequence[Tensor] | None,
    optimizer: torch.optim.Optimizer,
    ages: OwnAges | None,
    seed: int,
) -> TopologyUpdate:
    """Drop and grow weights as the plan says for this step, and return what was done.

    ``gradients`` are the flat dense gradients of the layers, if the method's scores need them. If a weight or a
    gradient is not finite, the update is skipped. Raises RuntimeError if the last update is skipped while the network
    is still denser than its target, or if the masks do not have the planned density.
    """
    layers, method = network.layers, plan.method
    weights = [layer.weight.detach().reshape(-1).float() for layer in layers]
    if not all_finite([*weights, *(gradients or ())]):
        present = network.always_active + sum(layer.active for layer in layers)
        if plan.schedule is not None and step == plan.schedule.last and present > plan.target:
            raise RuntimeError(
                f"the last topology update, at step {step}, met values that are not finite: the density stays at "
                f"{network.density:.4f}"
            )
        return TopologyUpdate(step, network.density, network.densities, network.itop_rate, skipped=True)
    counts, active = _planned_counts(network, plan, step)
    targets = [plan.targets[layer.name] for layer in layers]
    generator = generator_at(step, seed, weights[0].device)
    fraction = plan.drop_fraction.at(step)
    choices, kept = choose(layers, weights, method, gradients, counts, targets, fraction, generator)
    if kept:
        warn_of_kept(kept)
    warn_of_states(optimizer, [layer.weight for layer in layers])
    done = apply(layers, weights, choices, optimizer, method.regrown, ages)
    forget_directions(optimizer)
    held = sum(layer.active for layer in layers)
    untrained = any(layer.weight.grad is None for layer in layers)
    if held != active and not (untrained and held < active):
        raise RuntimeError(f"step {step}: the masks hold {held} weights of the sparse layers, not {active}")
    rate = (network.always_active + done["ever_active"]) / network.total
    return TopologyUpdate(
        step, network.density, network.densities, rate, done["dropped"], done["grown"], done["regrown"], kept=kept
    )


def _planned_counts(network: SparseWeights, plan: Plan, step: int) -> tuple[Sequence[int] | int, int]:
    """Return how many weights each sparse layer gets, or how many they share by score, and how many in all.

    Pruned weights stay pruned: without growth, a training that is made longer does not become denser again.
    """
    active = plan.active(step)
    if plan.method.global_budget or not plan.method.dst:
        active = min(active, network.always_active + sum(layer.active for layer in network.layers))
    if plan.method.global_budget:
        return active - network.always_active, active - network.always_active
    limits = None if plan.method.dst else {layer.name: layer.active for layer in network.layers}
    by_name = plan.counts(active / plan.total, limits=limits)
    counts = [by_name[layer.name] for layer in network.layers]
    return counts, sum(counts)


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """Return whether all values are finite on all processes. A sum is finite only if all its terms are."""
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
) -> tuple[list[Tensor], list[str]]:
    """Return a flat uint8 tensor per layer: ``STAY`` for weights that stay, ``GROWN`` for grown ones, else 0.

    ``weights`` and ``gradients`` are flat float32. ``counts`` is how many weights each layer has after the update, or
    how many all layers share by score. ``targets`` is how many each has at the end of training. A layer without a
    gradient is not trained now: it grows nothing, and drops no more than its count needs. The names of layers that a
    shared budget would have emptied are returned too. The first process decides for all.
    """
    saved = torch.zeros(len(layers), dtype=torch.uint8, device=weights[0].device)
    if not distributed.decides():
        *choices, saved = distributed.broadcast([*(torch.empty_like(w, dtype=torch.uint8) for w in weights), saved])
        return choices, [layer.name for layer, flag in zip(layers, saved.tolist(), strict=True) if flag]
    slopes = [weight.new_empty(0) for weight in weights] if gradients is None else [g.float() for g in gradients]
    keep = [
        rule_out(method.keep_score(weight, slope), ~layer.is_active)
        for layer, weight, slope in zip(layers, weights, slopes, strict=True)
    ]
    if isinstance(counts, int):
        masks, kept = global_masks(keep, counts, [layer.weight.shape[0] for layer in layers])
        counts = torch.stack([mask.count_nonzero() for mask in masks]).tolist()
        saved[kept] = 1
    choices = []
    for layer, weight, slope, score, count, target in zip(layers, weights, slopes, keep, counts, targets, strict=True):
        trained = layer.weight.grad is not None
        count = count if trained else min(count, layer.active)
        survivors = method.survivors(layer.active, count, target, drop_fraction) if trained else count
        grow = method.grow_score(weight, slope, generator) if method.dst and trained else None
        stay, grown = drop_and_grow(score, grow, survivors, count)
        choices.append(stay.view(torch.uint8).add(grown.view(torch.uint8), alpha=GROWN))
    *choices, saved = distributed.broadcast([*choices, saved])
    return choices, [layer.name for layer, flag in zip(layers, saved.tolist(), strict=True) if flag]


@torch.no_grad()
def apply(
    layers: Sequence[SparseLayer],
    weights: Sequence[Tensor],
    choices: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    regrown: str,
    ages: OwnAges | None = None,
) -> dict[str, int]:
    """Apply the choices: set the masks, and zero weights that are no longer active with their optimiser states.

    ``weights`` are the flat weights before the update. With ``regrown`` "zero", weights that were dropped and grown
    again start from zero too. ``ages`` counts weights that start from zero as young. Returns the numbers of weights
    dropped, grown, regrown and ever_active. Raises RuntimeError if an inactive weight was not zero before, or if the
    processes have different masks.
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
        fresh = grown if regrown == "zero" else grown & ~active
        renew_states(optimizer, layer.weight, fresh.view(layer.weight.shape))
        if ages is not None:
            ages.grow(layer, fresh.view(layer.weight.shape))
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
