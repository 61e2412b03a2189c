"""The gradients before a step: unscaled, finite, clipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dst_robustness.sparsity.maskable import clean_name
from dst_robustness.sparsity.readings import Readings, runs_ahead


class NotFiniteError(FloatingPointError):
    """A gradient is infinite or not a number."""


def unscale(scaler: torch.amp.GradScaler, optimizer: Optimizer) -> None:
    """Divide the gradients by the scale of the loss, unless ``scaler.unscale_(optimizer)`` has done so."""
    try:
        scaler.unscale_(optimizer)
    except RuntimeError as error:
        if "already been called" not in str(error):
            raise


def prepared(closure: Callable[[], Tensor], prepare: Callable[[], None]) -> Callable[[], Tensor]:
    """Return the closure of an optimiser with ``prepare`` called before the optimiser sees the gradients."""

    def prepared() -> Tensor:
        with torch.enable_grad():
            loss = closure()
        prepare()
        return loss

    return prepared


def check_finite(model: nn.Module, parameters: Iterable[Tensor], step: int, later: Readings | None = None) -> None:
    """Raise NotFiniteError, with the names, if a gradient is not finite.

    With ``later`` it does not wait for a GPU. If a gradient is not finite, all gradients are set to zero there, and the
    error is raised when ``later`` is settled.
    """
    held = [parameter for parameter in parameters if parameter.grad is not None]
    gradients = [_values(parameter.grad) for parameter in held if parameter.grad is not None]
    if not gradients:
        return

    def refuse(finite: list[bool]) -> None:
        if not all(finite):
            names = {id(parameter): clean_name(name) for name, parameter in model.named_parameters()}
            bad = [names.get(id(p), "a parameter") for p, fine in zip(held, finite, strict=True) if not fine]
            raise NotFiniteError(_message(step, bad))

    place = gradients[0].device
    if place.type == "cpu" and not runs_ahead(place):
        # A sum is not finite if one of its terms is not. It may also overflow, so look at each gradient again.
        if not torch.stack([g.sum(dtype=torch.float32).to(place) for g in gradients]).isfinite().all():
            refuse([bool(g.isfinite().all()) for g in gradients])
        return
    largest = torch._foreach_norm(gradients, torch.inf)
    finite = torch.stack([number.to(place, torch.float32) for number in largest]).isfinite()
    if later is None:
        refuse(finite.tolist())
        return
    spoiled = ~finite.all()
    for gradient in gradients:
        gradient.masked_fill_(spoiled.to(gradient.device), 0)
    later.read(finite, refuse)


def _message(step: int, names: Sequence[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (
        f"step {step}: the gradient of {shown} is not finite, so no weight follows it. With a scaled loss, call "
        f"step(scaler=scaler); else lower the learning rate, clip, or leave such steps out with non_finite='skip'"
    )


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient
