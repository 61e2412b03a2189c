"""What a training loop calls: an optimiser step that keeps the network sparse and updates its topology when due."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from dst_robustness.sparsity import gradients, initial, optimizers, settings, topology
from dst_robustness.sparsity.ages import own_ages
from dst_robustness.sparsity.foreign import ForeignSteps
from dst_robustness.sparsity.maskable import patterns, unwrap
from dst_robustness.sparsity.methods.base import Method
from dst_robustness.sparsity.plan import PLANNED
from dst_robustness.sparsity.readings import Readings
from dst_robustness.sparsity.report import report
from dst_robustness.sparsity.topology import TopologyUpdate
from dst_robustness.sparsity.watch import Watch


class SparseTraining:
    """Trains a network with a fixed share of its weights at exactly zero. A method decides which, and may change them.

    Construct it with the network on its device and the optimiser over its parameters, before a checkpoint is loaded,
    since the inactive weights are zeroed here. Then call ``step`` after each backward pass. After every step the
    inactive weights and all optimiser states of their shape are zero, and the density follows the method's schedule.
    If other code calls ``optimizer.step`` (a ``GradScaler``, SAM's second step, a framework), it does the same.

    Weights that the optimiser does not train never change and do not count. Matrices of layers that cannot be masked
    stay dense, and a warning names them.

    Args:
        method: a name of ``METHODS``, or a method with its options such as ``MestGradient(memory_bound=0.2)``.
        sparsity: share of the maskable weights that are zero at the end of training, in [0, 1).
        total_steps: optimiser steps of the whole training.
        distribution: "erk", "er" or "uniform"; not used if ``initial_masks`` are given.
        update_interval: optimiser steps between topology updates.
        drop_fraction: share of a layer's active weights that an update replaces, before annealing.
        drop_schedule: how that share is annealed: "cosine", "linear" or "constant".
        first_update: the step after which the first update is made; by default ``update_interval``.
        last_update: share of ``total_steps`` before which all updates are made, in (0, 1].
        dense_first, dense_last, exclude: see ``layer_densities``.
        initial_masks: {parameter name: mask} to start from instead of random masks.
        loss: returns the loss of one batch, for methods that choose their masks by it.
        step_on_update: whether the optimiser also steps when the topology is updated.
        grown_state: how Adam, AdamW, NAdam and RAdam correct the moments of a grown weight: by its "own age", or
            "plain", as if it had existed from the start.
        grown_warmup: steps over which the learning rate of a grown weight rises to the full one; only with "own age".
        non_finite: what ``step`` does with a gradient that is not finite: "refuse" raises FloatingPointError; "skip"
            leaves the step out, and counts it; "ignore" does not look. A GPU is waited for with "skip" alone: with
            "refuse" the gradients count as zero there, and the next step raises the error.
        seed: decides the initial masks and all random growth.
        options: the method's own options where ``method`` is a name; None is the method's default.

    Attributes:
        updates: one ``TopologyUpdate`` for each update so far.
        steps: steps so far, without the skipped ones.
        stepping: whether ``step`` is running now.
        skipped_steps: steps that were skipped because a gradient was not finite.
        plan: when the topology changes, and how dense each layer is then.
        left_out: the matrices that stay dense, and why.
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
        grown_state: str = "own age",
        grown_warmup: int = 0,
        non_finite: str = "refuse",
        seed: int = 0,
        **options: Any,
    ) -> None:
        given = settings.given(locals())
        exclude = patterns(exclude)
        self.method = settings.chosen(method, settings.plain(options), SparseTraining)
        settings.check(self.method, given, grown_state=grown_state, non_finite=non_finite)
        self.model, self.optimizer = unwrap(model), optimizer
        self.step_on_update, self.non_finite, self.seed = step_on_update, non_finite, given["seed"]
        self.steps = self.skipped_steps = 0
        self.updates: list[TopologyUpdate] = []

        self.method, self.plan, self.network, self.left_out = initial.start(
            self.method, model, optimizer, initial_masks, loss, exclude, (dense_first, dense_last), seed,
            **{name: given[name] for name in PLANNED},
        )  # fmt: skip
        given |= {"method": self.method.name, **asdict(self.method), "exclude": list(exclude)}
        self._settings = settings.plain(given | {"layers": [layer.name for layer in self.network.layers]})
        self.initial_densities = self.network.densities
        aged = self.method.dst and grown_state == "own age"
        self._ages = own_ages(optimizer, self.network.layers, grown_warmup) if aged else None
        self._trusted = optimizers.keeps_zeros(optimizer)
        self._readings = Readings()
        self._watch = Watch(model, self.network, optimizer, None if non_finite == "ignore" else self._readings)
        self._dense_gradients: list[Tensor] | None = None
        self.stepping = False
        self._foreign = ForeignSteps(self)
        self.apply_masks()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state of a copy: everything except the hooks, since the copy sets hooks on its own optimiser."""
        self._readings.settle()
        return {name: value for name, value in vars(self).items() if name != "_foreign"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._foreign = ForeignSteps(self)

    @property
    def masks(self) -> dict[str, Tensor]:
        """{parameter name: bool mask of its shape} for every maskable weight, dense ones and frozen ones too."""
        return self.network.masks

    @property
    def density(self) -> float:
        """The share of the maskable weights that are active now. Raises RuntimeError if the weights do not agree."""
        self._readings.settle()
        self._watch.check()
        return self.network.density

    @property
    def itop_rate(self) -> float:
        """The share of the maskable weights that have been active so far."""
        return self.network.itop_rate

    @property
    def update_due(self) -> bool:
        """Whether the next step ends with a topology update.

        A captured graph that takes the place of ``step`` where no update is due has to contain ``mask_gradients`` and
        the optimiser's step, and ``steps`` has to be raised. With Adam it needs grown_state="plain".
        """
        return self.plan.due(self.steps + 1)

    def step(
        self,
        closure: Callable[[], Tensor] | None = None,
        *,
        clip_norm: float | None = None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> Any:
        """Take one optimiser step with the gradients of the backward pass, and update the topology if it is due.

        Args:
            closure: computes the loss and its gradients again, for optimisers that need it. Its loss is returned.
            clip_norm: limit for the norm of all gradients together, after those of inactive weights are zeroed.
            scaler: the scaler of the loss. The gradients are unscaled here if they are not yet, and the step is skipped
                if they are not finite. Call ``scaler.update()`` afterwards as usual.

        Raises:
            FloatingPointError: a gradient is not finite, and neither a scaler nor ``non_finite`` says what to do.
            RuntimeError: inactive weights are no longer zero.
        """
        settings.check_step(closure, scaler)
        self._foreign.check_in_charge()
        scaled = scaler is not None and scaler.is_enabled()
        stepped = closure is not None or self.step_on_update or not self.update_due
        self.begin()
        loss, self.stepping = None, True
        try:
            if scaled:
                gradients.unscale(scaler, self.optimizer)  # type: ignore[arg-type]
            if closure is not None:
                self.mask_gradients()
                prepare = partial(self.prepare_gradients, clip_norm)
                loss = self.optimizer.step(gradients.prepared(closure, prepare))  # type: ignore[arg-type]
            else:
                self.prepare_gradients(clip_norm, scaled=scaled)
            if closure is None and stepped:
                self.optimizer.step()
        except gradients.NotFiniteError:
            if not scaled and self.non_finite != "skip":
                raise
            self.skipped_steps += 1
            return None
        finally:
            self.stepping = False
        self.finish(stepped)
        return loss

    def begin(self) -> None:
        """Check the weights, and keep the values that the optimiser will overwrite."""
        self._readings.settle()
        self._watch.check()
        optimizers.raise_eps(self.optimizer)
        self._dense_gradients = None
        if self._ages is not None:
            self._ages.before_step()

    def prepare_gradients(
        self, clip_norm: float | None = None, *, scaled: bool = False, scale: Tensor | None = None
    ) -> None:
        """Keep the dense gradients that an update needs, zero those of inactive weights, and clip.

        Gradients of a ``scaled`` loss may be infinite. They still have to be divided by ``scale``.
        """
        parameters = optimizers.trained_parameters(self.optimizer)
        if scaled or self.non_finite != "ignore":
            at_once = scaled or self.non_finite == "skip" or self.update_due
            gradients.check_finite(self.model, parameters, self.steps + 1, None if at_once else self._readings)
        if self.update_due and self.method.needs_gradient:
            self._dense_gradients = self.network.dense_gradients(scale)
        self.mask_gradients()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, clip_norm)

    def finish(self, stepped: bool = True) -> None:
        """Zero what the optimiser has changed outside the masks, and update the topology if it is due."""
        due = self.update_due
        if self._ages is not None and stepped:
            self._ages.after_step()
        if not self._trusted:
            self.network.zero_inactive(self.optimizer)
        self.steps += 1
        if due:
            self.update_topology(self._dense_gradients)
        self._dense_gradients = None
        self._watch.remember()

    @property
    def param_groups(self) -> Any:
        """Not available: give a scaler the optimiser, or pass the scaler to ``step``."""
        raise AttributeError("give a GradScaler the optimizer, scaler.step(optimizer), or call step(scaler=scaler)")

    def mask_gradients(self) -> None:
        """Zero the gradients of inactive weights."""
        self.network.mask_gradients()

    def apply_masks(self) -> None:
        """Zero the inactive weights and their optimiser states; needed after weights were loaded."""
        self.network.zero_inactive(self.optimizer)
        self._watch.remember()

    def mask_average(self, average: nn.Module) -> None:
        """Zero the inactive weights in a copy of the network, such as an ``AveragedModel``, before its test or save."""
        self.network.mask_model(average)

    def update_topology(self, slopes: list[Tensor] | None) -> None:
        """Update the topology now, with the dense gradients if the method's scores need them."""
        if self.network.layers:
            parts = (self.network, self.plan, self.steps, slopes, self.optimizer, self._ages, self.seed)
            self.updates.append(topology.update(*parts))
            self._watch.remember()

    def report(self, input_shape: Sequence[int] | None = None) -> None:
        """Print each masked weight, what stays dense, and FLOPs if given the shape of a sample, as [C, H, W]."""
        print(report(self, input_shape))

    def state_dict(self) -> dict[str, Any]:
        """Return what a run needs to resume bit for bit, in types that ``torch.load(weights_only=True)`` reads.

        Save weights and optimiser states separately. Random growth depends on the seed and the step alone. Raises
        FloatingPointError like ``step``, so that nothing is saved after a gradient that was not finite.
        """
        self._readings.settle()
        return {
            "settings": self._settings,
            "steps": self.steps,
            "skipped_steps": self.skipped_steps,
            "updates": [asdict(update) for update in self.updates],
            "initial_densities": self.initial_densities,
            "ages": self._ages.state_dict() if self._ages else None,
            **self.network.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict``, with the same settings or a larger ``total_steps``.

        In a longer training all schedules follow the new length from here on, but pruned weights stay pruned. Raises
        ValueError, which says what differs, for a checkpoint of another configuration.
        """
        if "settings" not in state:
            raise ValueError(f"this is no state of a SparseTraining; it holds {', '.join(map(str, state))}")
        if differing := settings.differences(state["settings"], self._settings):
            raise ValueError(f"the checkpoint is of another sparse training ({differing})")
        self.network.load_state_dict(state)
        self.steps, self.skipped_steps = state["steps"], state["skipped_steps"]
        self.updates = [TopologyUpdate(**update) for update in state["updates"]]
        self.initial_densities = dict(state["initial_densities"])
        if self._ages is not None and state["ages"] is not None:  # else this optimiser is new, as are all its moments
            self._ages.load_state_dict(state["ages"])
        self._watch.forget()
