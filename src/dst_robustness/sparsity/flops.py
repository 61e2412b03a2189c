"""What a sparse network costs: multiply-adds by layer, and floating-point operations to run and to train it.

One multiply-add is two FLOPs. Only the maskable layers count, each with its density times its dense cost, as in Evci et
al., 2020, arXiv:1911.11134, appendix H. This is the arithmetic that sparse hardware would do, not a measured time.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dst_robustness.sparsity.maskable import layer_weights, unwrap
from dst_robustness.sparsity.products import WeightProducts

if TYPE_CHECKING:
    from dst_robustness.sparsity.training import SparseTraining


@torch.inference_mode(False)  # which would hide that a linear layer is a matrix product
@torch.no_grad()
def layer_flops(model: nn.Module, input_shape: Sequence[int], exclude: Collection[str] = ()) -> dict[str, int]:
    """Return the multiply-adds of each maskable weight for one sample, by parameter name; FLOPs are twice as many.

    ``input_shape`` is the shape of a sample, [C, H, W] or [C, T, H, W]. A copy of the network runs on the meta device,
    without data or arithmetic. If it cannot, it runs on the network's own device. The products inside attention
    (queries with keys, weights with values) have no weights and do not count. A warning names the weights that the
    network did not multiply by.
    """
    model = unwrap(model)
    try:
        amounts = _count(model, input_shape, exclude, torch.device("meta"))
    except Exception:  # some networks compute with the values of their inputs
        own = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        amounts = _count(model, input_shape, exclude, own)
    if unused := [name for name, amount in amounts.items() if not amount]:
        warnings.warn(f"the network multiplies by no {', '.join(unused)}: its FLOPs do not count there", stacklevel=2)
    return amounts


def _count(
    model: nn.Module, input_shape: Sequence[int], exclude: Collection[str], device: torch.device
) -> dict[str, int]:
    """Run a copy of a model on a device, and return the multiply-adds of its weights."""
    tensors = [*model.parameters(), *model.buffers(), *_computed_weights(model)]
    copies = {id(tensor): _copied(tensor, device) for tensor in tensors}
    weights = {weight.name: copies[id(weight.parameter)] for weight in layer_weights(model, exclude)}
    shadow = copy.deepcopy(model, dict(copies)).eval()
    sample = torch.zeros(1, *input_shape, device=device)
    with WeightProducts(weights, copies.values()) as products:
        shadow(sample)
    return products.amounts


def _computed_weights(model: nn.Module) -> list[Tensor]:
    """Return the weights that torch's older norms compute from parameters and keep in the layer."""
    return [value for module in model.modules() for value in vars(module).values() if isinstance(value, Tensor)]


def _copied(tensor: Tensor, device: torch.device) -> Tensor:
    copied = tensor.detach().to(device, copy=True)
    return nn.Parameter(copied, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copied


def inference_flops(multiply_adds: Mapping[str, int], densities: Mapping[str, float] | None = None) -> float:
    """Return the FLOPs of one forward pass of one sample. Without densities, return those of the dense network."""
    if densities is None:
        return 2.0 * sum(multiply_adds.values())
    return 2.0 * sum(amount * densities[name] for name, amount in multiply_adds.items())


def training_flops_ratio(steps: Sequence[int], ratios: Sequence[float], dense_gradients: int = 0) -> float:
    """Return the FLOPs of a training relative to a dense training of the same number of steps.

    For ``steps[i]`` steps a forward pass costs ``ratios[i]`` of the dense one, and a step costs three forward passes.
    In ``dense_gradients`` of all steps, evenly spread, the gradient of the weights is dense. With one ratio and one
    update in every dT + 1 steps this is RigL's published formula, (3 f_S dT + 2 f_S + f_D) / (3 f_D (dT + 1)).
    """
    total = sum(steps)
    sparse = sum(count * ratio for count, ratio in zip(steps, ratios, strict=True)) / total
    share = dense_gradients / total
    return sparse * (1 - share) + share * (2 * sparse + 1) / 3


def density_spans(trainer: SparseTraining) -> list[tuple[int, dict[str, float]]]:
    """Return a training so far as spans of constant density: (steps, density by parameter name)."""
    starts = [0, *(update.step for update in trainer.updates)]
    ends = [*starts[1:], max(trainer.steps, 1)]
    densities = [trainer.initial_densities, *(update.densities for update in trainer.updates)]
    return [(end - start, by_name) for start, end, by_name in zip(starts, ends, densities, strict=True)]


def cost(trainer: SparseTraining, model: nn.Module, input_shape: Sequence[int]) -> dict[str, float]:
    """Return parameters, non-zero parameters and FLOPs of a run so far, with the names that they have in ``run.json``.

    The ratios are relative to the same network when dense. The trainer's updates give the density over time and the
    number of steps that needed dense gradients.
    """
    amounts = layer_flops(model, input_shape)
    dense = inference_flops(amounts)
    spans = density_spans(trainer)
    ratios = [inference_flops(amounts, {**dict.fromkeys(amounts, 1.0), **densities}) / dense for _, densities in spans]
    updates = len(trainer.updates) if trainer.method.dense_gradient else 0
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {
        "parameters": parameters,
        "nonzero_parameters": parameters - sum(layer.weight.numel() - layer.active for layer in trainer.network.layers),
        "inference_flops": dense * ratios[-1],
        "inference_flops_ratio": ratios[-1],
        "training_flops_ratio": training_flops_ratio([steps for steps, _ in spans], ratios, updates),
    }
