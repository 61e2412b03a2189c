"""The masks before the first step: drawn at random, chosen by a score, or taken from a finished run.

They are flat bool masks by parameter name, one for each maskable weight, on the CPU or on the weight's device.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from dst_robustness.sparsity import distributed
from dst_robustness.sparsity.layers import SparseLayer
from dst_robustness.sparsity.masks import global_masks, random_mask
from dst_robustness.sparsity.methods.base import Method


def generator_at(step: int, seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on the seed and the step alone, so a resumed run draws what it would have."""
    state = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


def random_masks(weights: Mapping[str, Tensor], counts: Mapping[str, int], seed: int) -> dict[str, Tensor]:
    """Draw exactly ``counts`` weights of each layer; drawn on the CPU, so the same on every device."""
    generator = generator_at(0, seed)
    return {name: random_mask(weight.numel(), counts[name], generator) for name, weight in weights.items()}


def given_masks(given: Mapping[str, Tensor] | None, weights: Mapping[str, Tensor], total: int) -> dict[str, Tensor]:
    """Check masks of a finished run against the model and the number of active weights, and return them flat."""
    if given is None:
        raise ValueError("this method starts from the masks of a finished run: pass initial_masks")
    if missing := weights.keys() ^ given.keys():
        raise ValueError(f"initial_masks and the model differ in the layers {', '.join(sorted(missing))}")
    for name, weight in weights.items():
        if given[name].shape != weight.shape:
            raise ValueError(f"initial_masks[{name}] is {tuple(given[name].shape)}, the weight {tuple(weight.shape)}")
    active = sum(int(mask.count_nonzero()) for mask in given.values())
    if active != total:
        raise ValueError(f"initial_masks hold {active} active weights; the sparsity asks for {total}")
    return {name: given[name].reshape(-1) != 0 for name in weights}


def scored_masks(
    method: Method,
    model: nn.Module,
    weights: Mapping[str, nn.Parameter],
    forced: Collection[str],
    total: int,
    loss: Callable[[], Tensor] | None,
) -> dict[str, Tensor]:
    """Keep the weights that ``method`` scores highest over all layers but the forced dense ones, ``total`` with those.

    The model's buffers (the statistics of its norm layers) are put back after the loss has been taken.
    """
    if loss is None:
        raise ValueError("this method chooses its masks by the loss of a batch: pass loss")
    scored = {name: weight for name, weight in weights.items() if name not in forced}
    held = sum(weights[name].numel() for name in forced)
    if total <= held:
        raise ValueError(f"{total} active weights were asked for, but the layers kept dense hold {held}")
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    scores = method.initial_scores(list(scored.values()), loss, distributed.average)
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
    flat = [score.detach().float().reshape(-1) for score in scores]
    if not torch.stack([score.isfinite().all() for score in flat]).all():
        raise ValueError("the loss before training has gradients that are not finite")
    masks = dict(zip(scored, global_masks(flat, total - held), strict=True))
    return {
        name: masks[name] if name in masks else torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
        for name, weight in weights.items()
    }


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
