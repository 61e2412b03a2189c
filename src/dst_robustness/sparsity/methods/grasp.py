"""GraSP: keep the weights that the gradient flow needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dst_robustness.sparsity.methods.base import Average, Method

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class GraSP(Method):
    """Gradient signal preservation: before training, keeps the largest w (H g) of all layers together.

    Wang et al., "Picking Winning Tickets Before Training by Preserving Gradient Flow", 2020, arXiv:2002.07376, eq. 8:
    the weights with the largest -w (H g) are removed, those whose removal lowers the gradient norm least.
    """

    name: ClassVar[str] = "grasp"
    label: ClassVar[str] = "GraSP"
    needs_loss: ClassVar[bool] = True
    global_budget: ClassVar[bool] = True

    def initial_scores(self, weights: Sequence[Tensor], loss: Callable[[], Tensor], average: Average) -> list[Tensor]:
        import torch

        gradients = torch.autograd.grad(loss(), weights, create_graph=True)
        fixed = [gradient.detach().clone() for gradient in gradients]
        average(fixed)
        curvatures = torch.autograd.grad(gradients, weights, grad_outputs=fixed)
        average(curvatures)
        return [weight * curvature for weight, curvature in zip(weights, curvatures, strict=True)]
