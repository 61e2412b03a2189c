"""What a training loop calls: one optimiser step that keeps the network sparse and moves its topology when due."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from dst_robustness.registry import unknown_name
from dst_robustness.sparsity import METHODS, distributed, initial, topology
from dst_robustness.sparsity.distributions import check_sparsity, forced_dense, layer_counts, maskable_weights
from dst_robustness.sparsity.layers import SparseWeights, keeps_zeros
from dst_robustness.sparsity.methods.base import Method
from dst_robustness.sparsity.schedules import DropFraction, UpdateSchedule
from dst_robustness.sparsity.topology import TopologyUpdate

# All other arguments are settings, which a resumed run must share with the one that was interrupted.
_NOT_SETTINGS = {"self", "model", "optimizer", "method", "options", "exclude", "initial_masks", "loss"}


class SparseTraining:
    """Trains a model with a fixed share of its weights at exactly zero, the masks moved by a method.

    Construct it with the model on its device and the optimiser over its parameters, before a checkpoint is loaded:
    the inactive weights are zeroed here. Then call ``step`` after each backward pass. As long as the gradients are
    finite, after every step the inactive weights and all optimiser states of their shape are zero; the density is that
    of the method's schedule.

    Args:
        method: a name of ``METHODS``, or a method with its options, as in ``MestGradient(memory_bound=0.2)``.
        sparsity: share of the maskable weights that are zero at the end of training, in [0, 1).
        total_steps: optimiser steps of the whole training.
        distribution: "erk", "er" or "uniform".
        update_interval: optimiser steps between topology updates.
        drop_fraction: share of a layer's active weights that an update replaces, before annealing.
        drop_schedule: how that share is annealed: "cosine", "linear" or "constant".
        first_update: the step after which the first update comes; by default ``update_interval``.
        last_update: share of ``total_steps`` before which all updates are done, in (0, 1].
        dense_first, dense_last, exclude: see ``layer_densities``.
        initial_masks: {parameter name: mask}, for methods that start from the masks of a finished run.
        loss: returns the loss of one batch, for methods that choose their masks by it.
        step_on_update: whether the optimiser also steps when the topology is updated.
        seed: decides the initial masks and all random growth.
        options: the method's own options where ``method`` is a name; None is the method's default.

    Attributes:
        updates: one ``TopologyUpdate`` for each update so far.
        steps: optimiser steps so far.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        method: str | Method,
        sparsity: float,
        total_steps: int,
        distribution: str = "erk",
        update_interval: int = 100,
        drop_fraction: float = 0.3,
        drop_schedule: str = "cosine",
        first_update: int | None = None,
        last_update: float = 0.75,
        dense_first: bool = False,
        dense_last: bool = False,
        exclude: Collection[str] = (),
        initial_masks: Mapping[str, Tensor] | None = None,
        loss: Callable[[], Tensor] | None = None,
        step_on_update: bool = True,
        seed: int = 0,
        **options: Any,
    ) -> None:
        settings = {name: value for name, value in locals().items() if name not in _NOT_SETTINGS}
        self.method = _chosen(method, options)
        _check(self.method, sparsity, last_update)
        density = 1 - sparsity if self.method.masks else 1.0
        end = round(last_update * total_steps)
        first = update_interval if first_update is None else first_update
        self.schedule = UpdateSchedule(update_interval, first, end) if self.method.dynamic else None
        self.drop_fraction = DropFraction(drop_fraction, max(1, end), drop_schedule)
        self.budget = self.method.budget(density, self.schedule)  # type: ignore[arg-type]  # read by dynamic methods only
        self.optimizer = optimizer
        self.step_on_update = step_on_update
        self.seed = seed
        self.steps = 0
        self.updates: list[TopologyUpdate] = []

        weights = maskable_weights(model, exclude)
        forced = forced_dense(weights, dense_first, dense_last)
        shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
        self._counts = functools.partial(layer_counts, shapes, distribution=distribution, dense=forced)
        self._targets = self._counts(density)
        total = sum(self._targets.values())
        if self.method.needs_masks:
            masks = initial.given_masks(initial_masks, weights, total)
        elif self.method.needs_loss:
            masks = initial.scored_masks(self.method, model, weights, forced, total, loss)
        else:
            masks = initial.random_masks(weights, self._counts(self.budget.at(0)), seed)
        movable = weights.keys() - forced if self.method.dynamic and self.method.global_budget else set()
        sparse = {name for name, count in self._targets.items() if count < weights[name].numel()} | movable
        self.network = SparseWeights(weights, initial.sparse_layers(weights, masks, sparse))
        self.network.zero_inactive(optimizer)
        own = {"method": self.method.name, **asdict(self.method)}
        self._settings = {
            **settings,
            **own,
            "exclude": list(exclude),
            "layers": [layer.name for layer in self.network.layers],
        }
        self._initial_densities = self.network.densities

    @property
    def masks(self) -> dict[str, Tensor]:
        """{parameter name: bool mask of its shape} for every maskable weight, those that are dense too."""
        return self.network.masks

    @property
    def density(self) -> float:
        """The share of the maskable weights that are active now."""
        return self.network.density

    @property
    def itop_rate(self) -> float:
        """The share of the maskable weights that have been active so far."""
        return self.network.itop_rate

    @property
    def update_due(self) -> bool:
        """Whether the next step ends with a topology update.

        A step that is replayed from a captured graph has to contain ``mask_gradients`` and the optimiser's step, can
        only take the place of ``step`` where no update is due, and has to add one to ``steps``.
        """
        return self.schedule is not None and self.steps + 1 in self.schedule.steps

    def step(self, clip_norm: float | None = None) -> None:
        """Take one optimiser step with the gradients of the backward pass, and update the topology if it is due.

        ``clip_norm`` limits the norm of all gradients together, after those of inactive weights were zeroed.
        """
        due = self.update_due
        gradients = self.dense_gradients() if due and self.method.needs_gradient else None
        self.mask_gradients()
        if clip_norm is not None:
            parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
            nn.utils.clip_grad_norm_(parameters, clip_norm)
        if self.step_on_update or not due:
            self.optimizer.step()
        if not keeps_zeros(self.optimizer):
            self.network.zero_inactive(self.optimizer)
        self.steps += 1
        if due:
            self.update_topology(gradients)

    def mask_gradients(self) -> None:
        """Zero the gradients of inactive weights."""
        self.network.mask_gradients()

    def dense_gradients(self) -> list[Tensor]:
        """Return copies of the gradients of the sparse layers, inactive weights too, averaged over processes, flat."""
        weights = [layer.weight for layer in self.network.layers]
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        gradients = [g.detach().clone(memory_format=torch.contiguous_format).view(-1) for g in gradients]
        distributed.average(gradients)
        return gradients

    @torch.no_grad()
    def update_topology(self, gradients: list[Tensor] | None) -> None:
        """Drop and grow weights as the method says for this step, with the dense gradients if its scores need them.

        Where a weight or a gradient is not finite the update is skipped, and noted as such. Raises RuntimeError if that
        happens to the last update, while the network is denser than it is to end.
        """
        layers = self.network.layers
        if not layers:
            return
        weights = [layer.weight.detach().reshape(-1).float() for layer in layers]
        if not topology.all_finite([*weights, *(gradients or ())]):
            self._note(None)
            if (
                self.schedule
                and self.steps == self.schedule.last
                and self.density > sum(self._targets.values()) / self.network.total
            ):
                raise RuntimeError(
                    f"the last topology update, at step {self.steps}, met values that are not finite: "
                    f"the density stays at {self.density:.4f}"
                )
            return
        active = round(self.budget.at(self.steps) * self.network.total) - self.network.always_active
        limits = None if self.method.dst else {layer.name: layer.active for layer in layers}
        by_name = {} if self.method.global_budget else self._counts(self.budget.at(self.steps), limits=limits)
        choices = topology.choose(
            layers,
            weights,
            self.method,
            gradients,
            active if self.method.global_budget else [by_name[layer.name] for layer in layers],
            [self._targets[layer.name] for layer in layers],
            self.drop_fraction.at(self.steps),
            initial.generator_at(self.steps, self.seed, layers[0].weight.device),
        )
        done = topology.apply(layers, weights, choices, self.optimizer, self.method.regrown)
        if sum(layer.active for layer in layers) != active:
            raise RuntimeError(f"step {self.steps}: the masks hold {self.density}, not {self.budget.at(self.steps)}")
        self._note(done)

    def _note(self, done: dict[str, int] | None) -> None:
        """Keep the record of an update, or of one that was skipped."""
        network, counts = self.network, done or {}
        ever = counts.pop("ever_active", None)
        rate = network.itop_rate if ever is None else (network.always_active + ever) / network.total
        record = (self.steps, network.density, network.densities, rate)
        self.updates.append(TopologyUpdate(*record, skipped=done is None, **counts))  # type: ignore[arg-type]

    def density_spans(self) -> list[tuple[int, dict[str, float]]]:
        """Return the training so far as spans of one density each: (steps, density by parameter name), now the last."""
        starts = [0, *(update.step for update in self.updates)]
        ends = [*starts[1:], max(self.steps, 1)]
        densities = [self._initial_densities, *(update.densities for update in self.updates)]
        return [(end - start, by_name) for start, end, by_name in zip(starts, ends, densities, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to go on bit for bit, in types that ``torch.load(weights_only=True)`` reads.

        Weights and optimiser states are saved by their owners; random growth depends on the seed and the step alone.
        """
        return {
            "settings": self._settings,
            "steps": self.steps,
            "updates": [asdict(update) for update in self.updates],
            **self.network.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state_dict``. Raises ValueError if it is of another configuration, with what differs."""
        there, here = state["settings"], self._settings
        if differing := sorted(key for key in there.keys() | here.keys() if there.get(key) != here.get(key)):
            pairs = ", ".join(f"{key}: {there.get(key)!r} there, {here.get(key)!r} here" for key in differing)
            raise ValueError(f"the checkpoint is of another sparse training ({pairs})")
        self.steps = state["steps"]
        self.updates = [TopologyUpdate(**update) for update in state["updates"]]
        self.network.load_state_dict(state)


def _chosen(method: str | Method, options: Mapping[str, Any]) -> Method:
    """Return the method, with its options where it was named."""
    if isinstance(method, Method):
        if options:
            raise ValueError(f"{', '.join(options)}: give the options to {type(method).__name__} itself")
        return method
    own = METHODS[method].option_names()
    for name in options:
        if name not in own:
            shared = [key for key in inspect.signature(SparseTraining).parameters if key != "options"]
            raise unknown_name(f"option for method '{method}'", name, [*own, *shared])
    return METHODS[method].with_options(options)


def _check(method: Method, sparsity: float, last_update: float) -> None:
    check_sparsity(sparsity)
    if sparsity and not method.sparse:
        raise ValueError(f"method '{method.name}' has no sparsity; it was given {sparsity:g}")
    if not 0 < last_update <= 1:
        raise ValueError(f"last_update is {last_update}; allowed: a share of the training, above 0, at most 1")
