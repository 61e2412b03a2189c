"""GraSP: keep the weights that the gradient flow needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dst_robustness.sparsity import scores
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

    def initial_scores(
        self, weights: Mapping[str, Tensor], loss: Callable[[], Tensor], average: Average
    ) -> list[Tensor]:
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        tensors = list(weights.values())
        # The other kernels of attention have no second derivative, nor have the recurrent layers of cuDNN.
        with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
            gradients = scores.gradients(loss(), weights, create_graph=True)
            fixed = [gradient.detach().clone() for gradient in gradients]
            average(fixed)
            # Where the gradient does not depend on the weights its derivative is zero.
            curvatures = torch.autograd.grad(gradients, tensors, grad_outputs=fixed, materialize_grads=True)
        average(curvatures)
        return [weight * curvature for weight, curvature in zip(tensors, curvatures, strict=True)]
