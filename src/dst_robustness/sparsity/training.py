"""What a training loop calls: one optimiser step that keeps the network sparse and moves its topology when due."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import torch
from torch import Tensor, nn

from dst_robustness.sparsity import METHODS, distributed, initial, topology
from dst_robustness.sparsity.distributions import check_sparsity, forced_dense, layer_counts, maskable_weights
from dst_robustness.sparsity.masks import SparseLayer
from dst_robustness.sparsity.schedules import DropFraction, UpdateSchedule
from dst_robustness.sparsity.topology import TopologyUpdate

# With these a weight stays exactly zero whose value, gradient and states are zero. After any other optimiser the
# inactive weights are zeroed again.
_KEEP_ZEROS = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.RMSprop,
)


class SparseTraining:
    """Trains a model with a fixed share of its weights at exactly zero, the masks moved by a method.

    Construct it with the model on its device and the optimiser over its parameters, before a checkpoint is loaded:
    the inactive weights are zeroed here. Then call ``step`` after each backward pass. After every step the inactive
    weights and all optimiser states of their shape are zero, and the density is that of the method's schedule.

    Args:
        method: a name of ``METHODS``.
        sparsity: share of the maskable weights that are zero at the end of training, in [0, 1).
        total_steps: optimiser steps of the whole training.
        distribution: "erk", "er" or "uniform".
        update_interval: optimiser steps between topology updates.
        drop_fraction: share of a layer's active weights that an update replaces, before annealing.
        drop_schedule: how that share is annealed: "cosine", "linear" or "constant".
        first_update: the step after which the first update comes; by default ``update_interval``.
        last_update: share of ``total_steps`` before which all updates are done, in (0, 1].
        regrown: "keep" or "zero": what a weight is that an update drops and grows again; by default as the method says.
        initial_density, memory_bound, gradient_weight: options of the methods that have them, unused by the others.
        dense_first, dense_last, exclude: see ``layer_densities``.
        initial_masks: {parameter name: mask}, for methods that start from the masks of a finished run.
        loss: returns the loss of one batch, for methods that choose their masks by it.
        step_on_update: whether the optimiser also steps when the topology is updated.
        seed: decides the initial masks and all random growth.

    Attributes:
        updates: one ``TopologyUpdate`` for each update so far.
        steps: optimiser steps so far.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        method: str,
        sparsity: float,
        total_steps: int,
        distribution: str = "erk",
        update_interval: int = 100,
        drop_fraction: float = 0.3,
        drop_schedule: str = "cosine",
        first_update: int | None = None,
        last_update: float = 0.75,
        regrown: str | None = None,
        initial_density: float | None = None,
        memory_bound: float | Sequence[float] | None = None,
        gradient_weight: float | None = None,
        dense_first: bool = False,
        dense_last: bool = False,
        exclude: Collection[str] = (),
        initial_masks: Mapping[str, Tensor] | None = None,
        loss: Callable[[], Tensor] | None = None,
        step_on_update: bool = True,
        seed: int = 0,
    ) -> None:
        options = {"initial_density": initial_density, "memory_bound": memory_bound, "gradient_weight": gradient_weight}
        kind = METHODS[method]
        own = {field.name for field in fields(kind)}
        self.method = kind(**{key: value for key, value in options.items() if key in own and value is not None})
        check_sparsity(sparsity)
        if sparsity and not self.method.sparse:
            raise ValueError(f"method '{method}' has no sparsity; it was given {sparsity:g}")
        if regrown not in (None, "keep", "zero"):
            raise ValueError(f"regrown is '{regrown}'; allowed: keep, zero")
        if not 0 < last_update <= 1:
            raise ValueError(f"last_update is {last_update}; allowed: a share of the training, above 0, at most 1")
        self.optimizer = optimizer
        self.regrown = regrown or self.method.regrown
        self.step_on_update = step_on_update
        self.seed = seed
        self.steps = 0
        self.updates: list[TopologyUpdate] = []

        self._masked = self.method.sparse and not self.method.scales_width
        end = round(last_update * total_steps)
        self.schedule: UpdateSchedule | None = None
        if self.method.dynamic:
            self.schedule = UpdateSchedule(update_interval, first_update or update_interval, end)
        self.drop_fraction = DropFraction(drop_fraction, max(end, 1), drop_schedule)
        self.budget = self.method.budget(1 - sparsity if self._masked else 1.0, self.schedule)
        self._weights = maskable_weights(model, exclude)
        self._distribution = distribution
        self._forced = forced_dense(self._weights, dense_first, dense_last)
        self._targets = self._counts(1 - sparsity if self._masked else 1.0)
        self._total = sum(weight.numel() for weight in self._weights.values())
        self.layers = self._make_layers(model, initial_masks, loss)
        self._initial_densities = self.densities
        self._settings = {
            "method": method,
            "sparsity": sparsity,
            "distribution": distribution,
            "total_steps": total_steps,
            "update_interval": update_interval,
            "first_update": first_update,
            "last_update": last_update,
            "drop_fraction": drop_fraction,
            "drop_schedule": drop_schedule,
            "regrown": self.regrown,
            "step_on_update": step_on_update,
            "seed": seed,
            "layers": [layer.name for layer in self.layers],
            **asdict(self.method),
        }

    @property
    def update_due(self) -> bool:
        """Whether the next step ends with a topology update."""
        return self.schedule is not None and self.steps + 1 in self.schedule.steps

    @torch.no_grad()
    def mask_gradients(self) -> None:
        """Zero the gradients of inactive weights; ``step`` does it, a captured graph that steps by itself has to."""
        layers = [layer for layer in self.layers if layer.weight.grad is not None]
        if layers:
            torch._foreach_mul_([layer.weight.grad for layer in layers], [layer.mask for layer in layers])

    def step(self, clip_norm: float | None = None) -> None:
        """Take one optimiser step with the gradients of the backward pass, and update the topology if it is due.

        ``clip_norm`` limits the norm of all gradients, those of inactive weights left out.
        """
        due = self.update_due
        gradients = self._dense_gradients() if due and self.method.needs_gradient else None
        self.mask_gradients()
        if clip_norm is not None:
            parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
            nn.utils.clip_grad_norm_(parameters, clip_norm)
        if self.step_on_update or not due:
            self.optimizer.step()
        if not isinstance(self.optimizer, _KEEP_ZEROS):
            self._zero_inactive()
        self.steps += 1
        if due:
            self._update_topology(gradients)

    @property
    def masks(self) -> dict[str, Tensor]:
        """{parameter name: bool mask of its shape} for every maskable weight, those that are dense too."""
        masks = {layer.name: layer.mask != 0 for layer in self.layers}
        return {
            name: masks[name] if name in masks else torch.ones_like(weight, dtype=torch.bool)
            for name, weight in self._weights.items()
        }

    @property
    def density(self) -> float:
        """The share of the maskable weights that are active now."""
        return self._share(layer.active for layer in self.layers)

    @property
    def densities(self) -> dict[str, float]:
        """The density of every maskable weight now, by parameter name."""
        active = {layer.name: layer.active / layer.weight.numel() for layer in self.layers}
        return {name: active.get(name, 1.0) for name in self._weights}

    @property
    def itop_rate(self) -> float:
        """The share of the maskable weights that have been active so far."""
        return self._share(int(layer.ever_active.sum()) for layer in self.layers)

    def density_spans(self) -> list[tuple[int, dict[str, float]]]:
        """Return the training so far as spans of one density each: (steps, density by parameter name), now the last."""
        starts = [0, *(update.step for update in self.updates)]
        ends = [*starts[1:], max(self.steps, 1)]
        densities = [self._initial_densities, *(update.densities for update in self.updates)]
        return [(end - start, by_name) for start, end, by_name in zip(starts, ends, densities, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to go on bit for bit, in types that ``torch.load(weights_only=True)`` reads.

        Weights and optimiser states are saved by their owners; random growth depends on the seed and step alone.
        """
        return {
            "settings": self._settings,
            "steps": self.steps,
            "masks": {layer.name: layer.mask != 0 for layer in self.layers},
            "ever_active": {layer.name: layer.ever_active.clone() for layer in self.layers},
            "updates": [asdict(update) for update in self.updates],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state_dict``. Raises ValueError if it is of another configuration, with what differs."""
        saved = state["settings"]
        keys = sorted(saved.keys() | self._settings.keys())
        if differing := [key for key in keys if saved.get(key) != self._settings.get(key)]:
            pairs = ", ".join(f"{key}: {saved.get(key)!r} there, {self._settings.get(key)!r} here" for key in differing)
            raise ValueError(f"the checkpoint is of another sparse training ({pairs})")
        self.steps = state["steps"]
        self.updates = [TopologyUpdate(**update) for update in state["updates"]]
        for layer in self.layers:
            layer.set_mask(state["masks"][layer.name].to(layer.weight.device))
            layer.ever_active.copy_(state["ever_active"][layer.name])
            layer.active = int(state["masks"][layer.name].count_nonzero())

    def _share(self, counts: Collection[int]) -> float:
        outside = self._total - sum(layer.weight.numel() for layer in self.layers)
        return (outside + sum(counts)) / self._total

    def _counts(self, density: float) -> dict[str, int]:
        shapes = {name: tuple(weight.shape) for name, weight in self._weights.items()}
        return layer_counts(shapes, density, self._distribution, self._forced)

    def _make_layers(
        self, model: nn.Module, given: Mapping[str, Tensor] | None, loss: Callable[[], Tensor] | None
    ) -> list[SparseLayer]:
        if not self._masked:
            return []
        if self.method.needs_masks:
            masks = initial.given_masks(given, self._weights, sum(self._targets.values()))
        elif self.method.needs_loss:
            total = sum(self._targets.values())
            masks = initial.scored_masks(self.method, model, self._weights, self._forced, total, loss)
        else:
            masks = initial.random_masks(self._weights, self._counts(self.budget.at(0)), self.seed)
        layers = []
        for name, weight in self._weights.items():
            mask = masks[name].to(weight.device, torch.uint8)
            mask = distributed.broadcast([mask])[0] != 0
            moves = self.method.global_budget and name not in self._forced
            if moves or self._targets[name] < weight.numel() or not mask.all():
                layers.append(SparseLayer.from_mask(name, weight, mask))
                with torch.no_grad():
                    topology.zero_outside(layers[-1], layers[-1].mask, self.optimizer)
        return layers

    def _dense_gradients(self) -> list[Tensor]:
        gradients = [
            torch.zeros_like(layer.weight) if layer.weight.grad is None else layer.weight.grad.detach().clone()
            for layer in self.layers
        ]
        distributed.average(gradients)
        return gradients

    @torch.no_grad()
    def _zero_inactive(self) -> None:
        for layer in self.layers:
            topology.zero_outside(layer, layer.mask, self.optimizer)

    @torch.no_grad()
    def _update_topology(self, gradients: list[Tensor] | None) -> None:
        if not self.layers:
            return
        dropped = grown = regrown = 0
        rate = self.updates[-1].itop_rate if self.updates else self.itop_rate
        finite = topology.all_finite([*(layer.weight for layer in self.layers), *(gradients or ())])
        if finite:
            density = self.budget.at(self.steps)
            outside = self._total - sum(layer.weight.numel() for layer in self.layers)
            counts: Sequence[int] | int = round(density * self._total) - outside
            if not self.method.global_budget:
                by_name = self._counts(density)
                counts = [by_name[layer.name] for layer in self.layers]
            choices = topology.choose(
                self.layers,
                self.method,
                gradients,
                counts,
                [self._targets[layer.name] for layer in self.layers],
                self.drop_fraction.at(self.steps),
                initial.generator_at(self.steps, self.seed, self.layers[0].weight.device),
            )
            dropped, grown, regrown, ever = topology.apply(self.layers, choices, self.optimizer, self.regrown)
            rate = (outside + ever) / self._total
        elif self.steps == self.schedule.last and self.density > sum(self._targets.values()) / self._total:
            raise RuntimeError(
                f"the last topology update, at step {self.steps}, met values that are not finite: "
                f"the density stays at {self.density:.4f}"
            )
        self.updates.append(
            TopologyUpdate(self.steps, self.density, self.densities, dropped, grown, regrown, rate, not finite)
        )
