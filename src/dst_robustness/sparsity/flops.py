"""What a sparse network costs: multiply-adds by layer, and floating-point operations to run and to train it.

One multiply-add is two FLOPs. Only the maskable layers are counted, a sparse one at density times its dense cost, as in
Evci et al., 2020, arXiv:1911.11134, appendix H: the arithmetic that sparse hardware would do, not the time measured.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dst_robustness.sparsity.maskable import CONVOLUTIONS, TRANSPOSED, clean_name, layer_weights, unwrap

if TYPE_CHECKING:
    from dst_robustness.sparsity.training import SparseTraining


def layer_flops(model: nn.Module, input_shape: Sequence[int], exclude: Collection[str] = ()) -> dict[str, int]:
    """Return the multiply-adds of each maskable weight for one sample, by parameter name; FLOPs are twice as many.

    ``input_shape`` is that of a sample, as [C, H, W] or [C, T, H, W]. The model is run on the meta device, without data
    or arithmetic, and left as it was. The products inside attention (queries with keys, weights with values) have no
    weights and are not counted.
    """
    model = unwrap(model)
    tensors = [*model.parameters(), *model.buffers(), *_computed_weights(model)]
    shadow = copy.deepcopy(model, {id(tensor): _on_meta(tensor) for tensor in tensors}).eval()
    names = {f"{weight.layer}.{weight.slot}": weight.name for weight in layer_weights(model, exclude)}
    amounts: Counter[str] = Counter()

    def counter(layer: str) -> Callable[..., None]:
        def count(module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            for slot, amount in _multiply_adds(module, inputs, keywords, output):
                if (name := names.get(f"{layer}.{slot}")) is not None:
                    amounts[name] += amount

        return count

    for name, module in shadow.named_modules():
        if isinstance(module, (nn.Linear, nn.MultiheadAttention, *CONVOLUTIONS)):
            module.register_forward_hook(counter(clean_name(name)), with_kwargs=True)
    shadow(torch.empty(1, *input_shape, device="meta"))
    return {name: amounts[name] for name in names.values()}


def _computed_weights(model: nn.Module) -> list[Tensor]:
    """Return the weights that the older norms of torch make of parameters and keep in the layer."""
    return [value for module in model.modules() for value in vars(module).values() if isinstance(value, Tensor)]


def _on_meta(tensor: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(tensor.detach().to("meta"), tensor.requires_grad)
    return tensor.detach().to("meta")


def _multiply_adds(
    module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any], output: Any
) -> Iterator[tuple[str, int]]:
    """Yield what a layer calls its weights, with the multiply-adds of one call."""
    kernel = math.prod(module.weight.shape[1:]) if isinstance(module, CONVOLUTIONS) else 0
    if isinstance(module, nn.MultiheadAttention):
        query, key, value = (
            inputs[i] if i < len(inputs) else keywords[name] for i, name in enumerate(("query", "key", "value"))
        )
        width = module.embed_dim
        tokens = [math.prod(x.shape[:-1]) for x in (query, key, value)]
        yield "out_proj.weight", tokens[0] * width * width
        if module.in_proj_weight is not None:
            yield "in_proj_weight", sum(tokens) * width * width
        else:
            separate = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
            yield from ((slot, n * getattr(module, slot).numel()) for slot, n in zip(separate, tokens, strict=True))
    elif isinstance(module, nn.Linear):
        yield "weight", output.numel() * module.in_features
    elif isinstance(module, TRANSPOSED):
        yield "weight", inputs[0].numel() * kernel
    elif isinstance(module, CONVOLUTIONS):
        yield "weight", output.numel() * kernel


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


def density_spans(trainer: SparseTraining) -> list[tuple[int, dict[str, float]]]:
    """Return a training so far as spans of one density each: (steps, density by parameter name)."""
    starts = [0, *(update.step for update in trainer.updates)]
    ends = [*starts[1:], max(trainer.steps, 1)]
    densities = [trainer.initial_densities, *(update.densities for update in trainer.updates)]
    return [(end - start, by_name) for start, end, by_name in zip(starts, ends, densities, strict=True)]


def cost(trainer: SparseTraining, model: nn.Module, input_shape: Sequence[int]) -> dict[str, float]:
    """Return parameters, non-zero parameters and FLOPs of a run so far, under the names they have in ``run.json``.

    The ratios are relative to this model when dense. Density over time and the steps that needed dense gradients are
    those of the trainer's updates.
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
