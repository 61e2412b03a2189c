"""The gradients before a step: unscaled, finite, clipped."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dst_robustness.sparsity.maskable import clean_name


class NotFiniteError(FloatingPointError):
    """A gradient is infinite or not a number."""


def unscale(scaler: torch.amp.GradScaler, optimizer: Optimizer) -> None:
    """Divide the gradients by the scale of the loss, unless ``scaler.unscale_(optimizer)`` has done so."""
    try:
        scaler.unscale_(optimizer)
    except RuntimeError as error:
        if "already been called" not in str(error):
            raise


def check_finite(model: nn.Module, parameters: Iterable[Tensor], step: int) -> None:
    """Raise NotFiniteError, with the names, if a gradient is not finite. On a GPU this waits for the backward pass."""
    held = [parameter for parameter in parameters if parameter.grad is not None]
    gradients = [_values(parameter.grad) for parameter in held if parameter.grad is not None]
    if not gradients:
        return
    # The sum or norm of numbers of which one is not finite is not finite. That of large ones may not be, so look again.
    on_cpu = gradients[0].device.type == "cpu"
    totals = [g.sum(dtype=torch.float32) for g in gradients] if on_cpu else torch._foreach_norm(gradients)
    if torch.stack([total.to(totals[0].device, torch.float32) for total in totals]).isfinite().all():
        return
    names = {id(parameter): clean_name(name) for name, parameter in model.named_parameters()}
    bad = [names.get(id(p), "a parameter") for p, g in zip(held, gradients, strict=True) if not g.isfinite().all()]
    if not bad:
        return
    shown = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
    raise NotFiniteError(
        f"step {step}: the gradient of {shown} is not finite, so no step is taken. With a scaled loss, call "
        f"step(scaler=scaler); else lower the learning rate, clip, or leave such steps out with non_finite='skip'"
    )


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient
