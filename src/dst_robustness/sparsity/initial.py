"""The masks before the first step: random, chosen by a score, or taken from a finished run.

They are flat bool masks by parameter name, one for each maskable weight, on the CPU or on the weight's device.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dst_robustness.sparsity import distributed
from dst_robustness.sparsity.distributions import forced_dense
from dst_robustness.sparsity.layers import SparseLayer, SparseWeights
from dst_robustness.sparsity.maskable import LeftOut, layer_weights, left_out, maskable_weights, warn_of
from dst_robustness.sparsity.masks import global_masks, random_mask
from dst_robustness.sparsity.methods.base import Method
from dst_robustness.sparsity.optimizers import trained_parameters
from dst_robustness.sparsity.plan import Plan, make_plan
from dst_robustness.sparsity.settings import starting_from


def generator_at(step: int, seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on seed and step alone, so that a resumed run draws the same numbers."""
    state = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


class Start(NamedTuple):
    """What a training starts from."""

    method: Method
    plan: Plan
    network: SparseWeights
    left_out: list[LeftOut]


def start(
    method: Method,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    given: Mapping[str, Tensor] | None,
    loss: Callable[[], Tensor] | None,
    exclude: Collection[str],
    dense_first_last: tuple[bool, bool],
    seed: int,
    **planned: Any,
) -> Start:
    """Return the plan of a training and the weights with their first masks; the arguments are ``SparseTraining``'s.

    No weight is zeroed yet. A warning names what stays dense.
    """
    trained = trained_parameters(optimizer)
    weights = maskable_weights(model, exclude, trained, check=method.masks)
    frozen = {weight.name: weight.parameter for weight in layer_weights(model, exclude) if weight.name not in weights}
    total = sum(weight.numel() for weight in weights.values())
    rest = left_out(model, weights.values(), exclude, trained)
    if method.masks:
        warn_of(rest, total)
    masks = None
    if given is not None:
        masks = given_masks(method, given, weights, frozen)
        masks = shuffled(masks, seed) if method.shuffles_masks else masks
        method = starting_from(method, sum(int(mask.sum()) for mask in masks.values()) / total)
    plan = make_plan(method, weights, masks, forced_dense(weights, *dense_first_last), **planned)
    masks = first_masks(plan, model, weights, masks, loss, seed)
    thinned = {name for name, count in plan.targets.items() if count < weights[name].numel()}
    layers = sparse_layers(weights, masks, thinned | plan.movable)
    return Start(method, plan, SparseWeights(weights, layers, frozen), rest)


def random_masks(weights: Mapping[str, Tensor], counts: Mapping[str, int], seed: int) -> dict[str, Tensor]:
    """Draw exactly ``counts`` weights of each layer, on the CPU, so that they are the same for every device."""
    generator = generator_at(0, seed)
    return {name: random_mask(weight.numel(), counts[name], generator) for name, weight in weights.items()}


def given_masks(
    method: Method, given: Mapping[str, Tensor], weights: Mapping[str, Tensor], frozen: Collection[str] = ()
) -> dict[str, Tensor]:
    """Check masks against the network and return them as flat bool masks, without the full masks of frozen layers.

    Raises ValueError if the method has no masks or chooses them itself, if masks do not fit the weights, or if they
    leave a layer without a weight.
    """
    if method.needs_loss or not method.masks:
        own = "chooses its masks by the loss" if method.needs_loss else "masks nothing"
        raise ValueError(f"method '{method.name}' {own} and takes no initial_masks")
    given = {name: torch.as_tensor(mask) for name, mask in given.items()}
    given = {name: mask for name, mask in given.items() if name not in frozen or not mask.all()}
    if missing := weights.keys() ^ given.keys():
        raise ValueError(f"initial_masks and the model differ in the layers {', '.join(sorted(missing))}")
    for name, weight in weights.items():
        if given[name].shape != weight.shape:
            raise ValueError(f"initial_masks[{name}] is {tuple(given[name].shape)}, the weight {tuple(weight.shape)}")
        if not ((given[name] == 0) | (given[name] == 1)).all():
            raise ValueError(f"initial_masks[{name}] holds other numbers than 0 and 1")
    masks = {name: given[name].reshape(-1) != 0 for name in weights}
    if empty := [name for name, mask in masks.items() if not mask.any()]:
        raise ValueError(f"initial_masks leave no weight in {', '.join(empty)}")
    return masks


def shuffled(masks: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Return flat masks with the same number of weights in each layer at random places, drawn on the CPU."""
    generator = generator_at(0, seed)
    orders = {name: torch.randperm(mask.numel(), generator=generator) for name, mask in masks.items()}
    return {name: mask[orders[name].to(mask.device)] for name, mask in masks.items()}


def first_masks(
    plan: Plan,
    model: nn.Module,
    weights: Mapping[str, nn.Parameter],
    given: dict[str, Tensor] | None,
    loss: Callable[[], Tensor] | None,
    seed: int,
) -> dict[str, Tensor]:
    """Return the masks before the first step: the given ones, or those that the method chooses, or random ones.

    Raises ValueError if a method lacks what it starts from, or if masks do not have the density of the plan.
    """
    if given is not None:
        active, allowed = sum(int(mask.sum()) for mask in given.values()), {plan.target, plan.active(0)}
        if active not in allowed:
            counts = " or ".join(map(str, sorted(allowed)))
            raise ValueError(f"initial_masks hold {active} active weights; the sparsity asks for {counts}")
        return given
    if plan.method.needs_masks:
        raise ValueError(f"method '{plan.method.name}' starts from the masks of a finished run: pass initial_masks")
    if plan.method.needs_loss:
        return scored_masks(plan.method, model, weights, plan.forced, plan.target, loss)
    return random_masks(weights, plan.counts(plan.budget.at(0)), seed)


def scored_masks(
    method: Method,
    model: nn.Module,
    weights: Mapping[str, nn.Parameter],
    forced: Collection[str],
    total: int,
    loss: Callable[[], Tensor] | None,
) -> dict[str, Tensor]:
    """Keep the weights with the highest scores over all layers, except those that must stay dense.

    ``total`` counts the weights of the dense layers too. The network's buffers (the statistics of its norm layers) are
    restored after the loss has been computed.
    """
    if loss is None:
        raise ValueError("this method chooses its masks by the loss of a batch: pass loss")
    scored = {name: weight for name, weight in weights.items() if name not in forced}
    held = sum(weights[name].numel() for name in forced)
    if total <= held:
        raise ValueError(f"{total} active weights were asked for, but the layers kept dense hold {held}")
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    scores = method.initial_scores(scored, loss, distributed.average)
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
    flat = [score.detach().float().reshape(-1) for score in scores]
    if not torch.stack([score.isfinite().all() for score in flat]).all():
        raise ValueError("the loss before training has gradients that are not finite")
    chosen, kept = global_masks(flat, total - held, [weight.shape[0] for weight in scored.values()])
    masks = dict(zip(scored, chosen, strict=True))
    if kept:
        warn_of_kept([list(scored)[i] for i in kept])
    return {
        name: masks[name] if name in masks else torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
        for name, weight in weights.items()
    }


def warn_of_kept(names: Sequence[str]) -> None:
    """Warn of the layers that the common budget of all layers would have left empty."""
    warnings.warn(
        f"by the scores alone there would be no weight left in {', '.join(names)}: such a layer keeps as many weights "
        f"as it has outputs, and the others pay",
        stacklevel=6,
    )


def sparse_layers(
    weights: Mapping[str, nn.Parameter], masks: Mapping[str, Tensor], sparse: Collection[str]
) -> list[SparseLayer]:
    """Return the layers named in ``sparse`` and those whose mask is not full, with the masks of the first process."""
    layers = []
    for name, weight in weights.items():
        mask = distributed.broadcast([masks[name].to(weight.device, torch.uint8)])[0] != 0
        if name in sparse or not mask.all():
            layers.append(SparseLayer.from_mask(name, weight, mask))
    return layers
