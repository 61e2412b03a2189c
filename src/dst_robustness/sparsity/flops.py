"""What a sparse network costs: multiply-adds by layer, and floating-point operations to run and to train it.

One multiply-add is two FLOPs. Only the maskable layers are counted, a sparse one at density times its dense cost, as in
Evci et al., 2020, arXiv:1911.11134, appendix H: the arithmetic that sparse hardware would do, not the time measured.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dst_robustness.sparsity.distributions import CONVOLUTIONS, TRANSPOSED, maskable_weights, unwrap

if TYPE_CHECKING:
    from dst_robustness.sparsity.training import SparseTraining


def layer_flops(model: nn.Module, input_shape: Sequence[int], exclude: Collection[str] = ()) -> dict[str, int]:
    """Return the multiply-adds of each maskable weight for one sample, by parameter name; FLOPs are twice as many.

    ``input_shape`` is that of a sample, as [C, H, W] or [C, T, H, W]. The model is run on the meta device, without data
    or arithmetic, and left as it was. The products inside attention (queries with keys, weights with values) have no
    weights and are not counted.
    """
    model = unwrap(model)
    tensors = [*model.parameters(), *model.buffers()]
    shadow = copy.deepcopy(model, {id(tensor): _on_meta(tensor) for tensor in tensors}).eval()
    names = {id(weight): name for name, weight in maskable_weights(shadow, exclude).items()}
    amounts: Counter[str] = Counter()

    def count(module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
        for weight, amount in _multiply_adds(module, inputs, keywords, output):
            if id(weight) in names:
                amounts[names[id(weight)]] += amount

    for module in shadow.modules():
        if isinstance(module, (nn.Linear, nn.MultiheadAttention, *CONVOLUTIONS)):
            module.register_forward_hook(count, with_kwargs=True)
    shadow(torch.empty(1, *input_shape, device="meta"))
    return {name: amounts[name] for name in names.values()}


def _on_meta(tensor: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(tensor.detach().to("meta"), tensor.requires_grad)
    return tensor.detach().to("meta")


def _multiply_adds(
    module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any], output: Any
) -> Iterator[tuple[Tensor, int]]:
    """Yield the weights of a layer with the multiply-adds of one call."""
    kernel = math.prod(module.weight.shape[1:]) if isinstance(module, CONVOLUTIONS) else 0
    if isinstance(module, nn.MultiheadAttention):
        query, key, value = (
            inputs[i] if i < len(inputs) else keywords[name] for i, name in enumerate(("query", "key", "value"))
        )
        width = module.embed_dim
        tokens = [math.prod(x.shape[:-1]) for x in (query, key, value)]
        yield module.out_proj.weight, tokens[0] * width * width
        if module.in_proj_weight is not None:
            yield module.in_proj_weight, sum(tokens) * width * width
        else:
            separate = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
            yield from ((weight, n * weight.numel()) for weight, n in zip(separate, tokens, strict=True))
    elif isinstance(module, nn.Linear):
        yield module.weight, output.numel() * module.in_features
    elif isinstance(module, TRANSPOSED):
        yield module.weight, inputs[0].numel() * kernel
    elif isinstance(module, CONVOLUTIONS):
        yield module.weight, output.numel() * kernel


def inference_flops(multiply_adds: Mapping[str, int], densities: Mapping[str, float] | None = None) -> float:
    """Return the FLOPs of one forward pass of one sample; without densities, those of the dense network."""
    if densities is None:
        return 2.0 * sum(multiply_adds.values())
    return 2.0 * sum(amount * densities[name] for name, amount in multiply_adds.items())


def training_flops_ratio(steps: Sequence[int], ratios: Sequence[float], dense_gradients: int = 0) -> float:
    """Return the FLOPs of a training relative to the dense one of as many steps.

    For ``steps[i]`` steps a forward pass costs ``ratios[i]`` of the dense one, and a step three forward passes. In
    ``dense_gradients`` of all steps, spread evenly, the gradient of the weights is dense. With one ratio and an update
    in each dT + 1 steps this is (3 f_S dT + 2 f_S + f_D) / (3 f_D (dT + 1)), the published formula of RigL.
    """
    total = sum(steps)
    sparse = sum(count * ratio for count, ratio in zip(steps, ratios, strict=True)) / total
    share = dense_gradients / total
    return sparse * (1 - share) + share * (2 * sparse + 1) / 3


def cost(trainer: SparseTraining, model: nn.Module, input_shape: Sequence[int]) -> dict[str, float]:
    """Return parameters, non-zero parameters and FLOPs of a run so far, under the names they have in ``run.json``.

    The ratios are relative to this model when dense. Density over time and the steps that needed dense gradients are
    those of the trainer's updates.
    """
    amounts = layer_flops(model, input_shape)
    dense = inference_flops(amounts)
    spans = trainer.density_spans()
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
