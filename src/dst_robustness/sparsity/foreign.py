"""Optimiser steps taken by other code: ``scaler.step(optimizer)``, SAM's second step, a framework's loop.

Hooks on the optimiser, and on those that it wraps, do what the trainer's step does before and after.
"""

from __future__ import annotations

import warnings
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from dst_robustness.sparsity.gradients import NotFiniteError, prepared
from dst_robustness.sparsity.optimizers import members

if TYPE_CHECKING:
    from dst_robustness.sparsity.training import SparseTraining


class ForeignSteps:
    """Turns an optimiser step that the trainer did not start into a step of the trainer.

    An optimiser belongs to the last trainer that was constructed with it. The hooks of earlier trainers do nothing.
    Raises ValueError if an earlier one masks another network, since that would become dense.
    """

    def __init__(self, trainer: SparseTraining) -> None:
        _check_same_network(trainer)
        self._trainer = weakref.ref(trainer)
        self._optimizer = weakref.ref(trainer.optimizer)
        self._taken: Optimizer | None = None
        self._told = False
        trainer.optimizer.sparse_training = self  # type: ignore[attr-defined]
        for member in members(trainer.optimizer):
            if hasattr(member, "_optimizer_step_pre_hooks"):
                member.register_step_pre_hook(self._before)
                member.register_step_post_hook(self._after)

    def check_in_charge(self) -> None:
        """Raise RuntimeError if the optimiser belongs to a later trainer."""
        if not self.in_charge:
            raise RuntimeError("another SparseTraining has been constructed with this optimizer since")

    @property
    def in_charge(self) -> bool:
        """Whether the optimiser still belongs to this trainer."""
        return getattr(self._optimizer(), "sparse_training", None) is self

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        trainer = self._trainer()
        if trainer is None and self.in_charge and not self._told:
            self._told = True
            warnings.warn(
                "the SparseTraining of this optimizer is gone, so its steps make the network dense: keep it somewhere",
                stacklevel=3,
            )
        if trainer is None or trainer.stepping or not self.in_charge or _capturing():
            return None
        if self._taken not in (None, optimizer):  # inside a wrapper's step, which counts as one step
            return None
        self._taken = optimizer
        if (found := getattr(optimizer, "found_inf", None)) is not None and found.item():
            trainer.skipped_steps += 1  # a fused optimiser skips the step itself
            self._taken = None
            return None
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if trainer.update_due and not trainer.step_on_update:
            raise RuntimeError("with step_on_update=False, call step() of SparseTraining and not that of the optimizer")
        trainer.begin()
        if closure is not None:
            kwargs = {key: value for key, value in kwargs.items() if key != "closure"}
            return (args[0], prepared(closure, partial(_prepare, trainer)), *args[2:]), kwargs
        _prepare(trainer, getattr(optimizer, "grad_scale", None))
        return None

    def _after(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        trainer = self._trainer()
        if trainer is not None and self._taken is optimizer:
            self._taken = None
            trainer.finish()


def _check_same_network(trainer: SparseTraining) -> None:
    there = getattr(trainer.optimizer, "sparse_training", None)
    earlier = there._trainer() if there is not None and there._optimizer() is trainer.optimizer else None
    own = {id(parameter) for parameter in trainer.model.parameters()}
    if earlier is not None and any(id(layer.weight) not in own for layer in earlier.network.layers):
        raise ValueError(
            "the optimizer has a SparseTraining of another network already, which would become dense: construct one "
            "for both, of nn.ModuleList([first, second]), or give each network its own optimizer"
        )


def _prepare(trainer: SparseTraining, scale: Tensor | None = None) -> None:
    """Prepare the gradients. A step that should be skipped is refused: it cannot be left out from within."""
    try:
        trainer.prepare_gradients(scale=scale)
    except NotFiniteError as error:
        if trainer.non_finite != "skip":
            raise
        raise NotFiniteError(
            f"step {trainer.steps + 1}: a gradient is not finite, and with non_finite='skip' only step() of "
            "SparseTraining can leave the step out: call that, and not the optimizer's"
        ) from error


def _capturing() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()
