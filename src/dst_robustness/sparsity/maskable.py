"""Which weights of a network can be masked, which stay dense, and why.

A weight can be masked if its layer really computes with its zeros. For a plain linear, convolution or attention layer
that is known. Any other form of such a layer, such as one with a parametrization or its own forward pass, is tried out.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.optim.swa_utils import AveragedModel
from torch.overrides import TorchFunctionMode

from dst_robustness.sparsity.products import PRODUCTS, multiplied_by_functions

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
ATTENTION_WEIGHTS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


@dataclass(frozen=True)
class LayerWeight:
    """A weight of a linear, convolution or attention layer: where it is, and its name in the network."""

    layer: str
    module: nn.Module
    slot: str
    name: str
    parameter: nn.Parameter


@dataclass(frozen=True)
class LeftOut:
    """A matrix that stays dense, and why. ``untold`` is set if a user may think that it is masked."""

    name: str
    parameter: nn.Parameter
    reason: str
    untold: bool


def maskable_weights(
    model: nn.Module, exclude: Collection[str] = (), trained: Iterable[Tensor] | None = None, *, check: bool = True
) -> dict[str, nn.Parameter]:
    """Return the weights of linear, convolution and attention layers by parameter name, in the order of the modules.

    Biases, norm layers, class tokens and embeddings are never among them. Neither are weights that are not trained:
    those without ``requires_grad`` and, if ``trained`` is given, those outside it. Names do not have the prefixes of
    DistributedDataParallel and torch.compile. A weight that two layers share appears once.

    Raises ValueError for a pattern in ``exclude`` that matches no matrix, and for a network without a weight that can
    be masked. With ``check`` it also raises for a linear or convolution layer that cannot be masked and is not
    excluded.
    """
    ids = _ids(trained)
    weights = layer_weights(model, exclude)
    if not weights:
        raise ValueError(f"the model has no weight left that could be masked{_of_shards(model)}")
    found = [weight for weight in weights if _is_trained(weight.parameter, ids)]
    if not found:
        names = ", ".join(weight.name for weight in weights)
        raise ValueError(f"nothing trains {names}: they are frozen, or not among the optimizer's parameters")
    for weight in found if check else ():
        module, parameter = weight.module, weight.parameter
        if not _is_plain(module, parameter) and not _computes_with(module, parameter):
            raise ValueError(
                f"{weight.name}: {type(module).__name__} does not multiply by this weight as it is, so a mask on it "
                f"would not make the layer sparse. To leave the layer dense, pass exclude=['{weight.name}']"
            )
    return {weight.name: weight.parameter for weight in found}


def layer_weights(model: nn.Module, exclude: Collection[str] = ()) -> list[LayerWeight]:
    """Return the weights of all linear, convolution and attention layers, trained or not, layer by layer."""
    model, exclude = unwrap(model), patterns(exclude)
    names = {id(parameter): clean_name(name) for name, parameter in model.named_parameters()}
    _check_patterns(exclude, [names[id(p)] for p in model.parameters() if p.ndim > 1 or is_lazy(p)])
    embedded = {id(module.weight) for module in model.modules() if isinstance(module, _EMBEDDINGS)}
    found = []
    for prefix, module in model.named_modules():
        for slot, parameter in _slots(module):
            name = names[id(parameter)]
            if id(parameter) in embedded or not _is_ordinary(parameter) or _matches(name, exclude):
                continue
            if is_lazy(parameter):
                raise ValueError(f"{name} has no shape yet: run one batch through the model first")
            if parameter.ndim < 2:
                raise ValueError(f"{name} is no matrix but {list(parameter.shape)}{_of_shards(model)}")
            found.append(LayerWeight(clean_name(prefix), module, slot, name, parameter))
    return found


def left_out(
    model: nn.Module, masked: Iterable[Tensor], exclude: Collection[str] = (), trained: Iterable[Tensor] | None = None
) -> list[LeftOut]:
    """Return the matrices that are not among ``masked``, with the reason.

    Norm layers do not count. Neither do parameters with a first dimension of 1, such as class tokens and positions.
    """
    model = unwrap(model)
    seen, ids = _ids(masked) or set(), _ids(trained)
    multiplied = {id(parameter) for module in model.modules() for _, parameter in _slots(module)}
    if any(isinstance(module, _EMBEDDINGS) for module in model.modules()):
        multiplied |= multiplied_by_functions(model)
    found = []
    for prefix, module in model.named_modules():
        for local, parameter in module.named_parameters(recurse=False):
            matrix = not is_lazy(parameter) and parameter.ndim > 1 and parameter.shape[0] > 1
            if id(parameter) in seen or not matrix or isinstance(module, _NORMS):
                continue
            seen.add(id(parameter))
            name, kind = clean_name(f"{prefix}.{local}" if prefix else local), type(module).__name__
            untold = False
            if _matches(name, exclude):
                reason = "excluded"
            elif not _is_trained(parameter, ids):
                reason = "not trained"
            elif isinstance(module, _EMBEDDINGS):
                untold = id(parameter) in multiplied
                reason = "embedding, tied to an output" if untold else "embedding"
            else:
                reason, untold = kind if _is_ordinary(parameter) else f"{kind} of {parameter.dtype}", True
            found.append(LeftOut(name, parameter, reason, untold))
    return found


def warn_of(items: Iterable[LeftOut], masked: int) -> None:
    """Warn of what stays dense although nobody asked for it, with its share of all weights (it and ``masked``)."""
    untold = [item for item in items if item.untold]
    if untold:
        dense = sum(item.parameter.numel() for item in untold)
        names = ", ".join(f"{item.name} ({item.reason})" for item in untold)
        warnings.warn(
            f"{dense / (dense + masked):.1%} of the weights stay dense, and the sparsity does not count them, because "
            f"such layers are not masked: {names}. If this is meant, name them in exclude",
            stacklevel=4,
        )


def unwrap(model: nn.Module) -> nn.Module:
    """Return the model inside DistributedDataParallel, DataParallel, AveragedModel and torch.compile."""
    if isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel, AveragedModel)):
        return unwrap(model.module)
    inner = getattr(model, "_orig_mod", None)
    return model if inner is None else unwrap(inner)


def clean_name(name: str) -> str:
    """Return the name of a parameter or module without the prefix of torch.compile."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def _of_shards(model: nn.Module) -> str:
    """Return what to do, for a message, if a network's weights are spread over processes."""
    kinds = {type(part).__name__ for part in (*model.modules(), *model.parameters())}
    sharded = kinds & {"FullyShardedDataParallel", "DTensor"} or any(kind.startswith("FSDP") for kind in kinds)
    return ": weights that FSDP spreads over processes cannot be masked, use DistributedDataParallel" if sharded else ""


def is_lazy(parameter: Tensor) -> bool:
    """Return whether a parameter has no shape before the first forward pass."""
    return isinstance(parameter, UninitializedParameter)


def patterns(exclude: Iterable[str]) -> list[str]:
    """Return the patterns of ``exclude``, which may come from a generator. Raises ValueError for a single text."""
    if isinstance(exclude, str):
        raise ValueError(f"exclude is the text '{exclude}'; expected a list of patterns, ['{exclude}']")
    return list(exclude)


def _check_patterns(exclude: Collection[str], names: Collection[str]) -> None:
    for pattern in exclude:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"exclude: the pattern '{pattern}' matches none of the weights: {', '.join(names)}")


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _ids(tensors: Iterable[Tensor] | None) -> set[int] | None:
    return None if tensors is None else {id(tensor) for tensor in tensors}


def _is_trained(parameter: Tensor, ids: set[int] | None) -> bool:
    return parameter.requires_grad and (ids is None or id(parameter) in ids)


def _is_ordinary(parameter: nn.Parameter) -> bool:
    """Return whether a parameter is a plain tensor of real floats: not packed, quantised or sharded."""
    return is_lazy(parameter) or (parameter.is_floating_point() and type(parameter.detach()) is Tensor)


def _slots(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the weights of a linear, convolution or attention layer: their names in the layer, and their parameters.

    A weight that is not a parameter is computed from parameters before each forward pass. Those of its shape are
    yielded.
    """
    if isinstance(module, nn.MultiheadAttention):
        for slot in ATTENTION_WEIGHTS:
            if isinstance(weight := getattr(module, slot), nn.Parameter):
                yield slot, weight
    elif isinstance(module, (nn.Linear, *CONVOLUTIONS)):
        if (own := module._parameters.get("weight")) is not None:  # module.weight may compute, and count that
            yield "weight", own
        else:
            shape = _weight_shape(module)
            yield from (("weight", p) for p in module.parameters() if not is_lazy(p) and p.shape == shape)


def _weight_shape(module: Any) -> tuple[int, ...]:
    """Return the shape of the weight of a linear or convolution layer."""
    if isinstance(module, nn.Linear):
        return module.out_features, module.in_features
    channels = (module.in_channels, module.out_channels)
    first, second = channels if isinstance(module, TRANSPOSED) else reversed(channels)
    return first, second // module.groups, *module.kernel_size


def _is_plain(module: nn.Module, parameter: nn.Parameter) -> bool:
    """Return whether a layer is known to multiply its input by this parameter as it is."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    kind = next(kind for kind in (nn.Linear, *CONVOLUTIONS) if isinstance(module, kind))
    methods = ("forward", "_conv_forward")
    inherited = all(getattr(type(module), name, None) is getattr(kind, name, None) for name in methods)
    return inherited and module._parameters.get("weight") is parameter


class _Products(TorchFunctionMode):
    """Records the tensors that are passed to linear and convolution functions."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Tensor] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if function in PRODUCTS:
            self.given += [value for value in (*args, *(kwargs or {}).values()) if isinstance(value, Tensor)]
        return function(*args, **(kwargs or {}))


@torch.no_grad()
def _computes_with(module: nn.Module, parameter: nn.Parameter) -> bool:
    """Return whether a layer multiplies by this parameter, or by a weight that has its zeros and no others.

    The layer runs on a sample of zeros, once with every second weight at zero, once with all weights of one output. Its
    other parameters are not zero meanwhile: a correction that is added to the weight may be zero only at the start.
    """
    own: list[Tensor] = [p for p in module.parameters() if not is_lazy(p) and p.is_floating_point()]
    originals, before, training = [p.clone() for p in own], parameter.clone(), module.training
    every_second = (torch.arange(parameter.numel(), device=parameter.device) % 2).view(parameter.shape) == 1
    all_but_one_output = torch.ones_like(every_second)
    all_but_one_output[0] = False
    module.eval()
    try:
        for other in own:
            other.fill_(0.3)
        for there in (every_second, all_but_one_output):
            parameter.copy_(torch.where(before == 0, 1, before) * there)
            with _Products() as products:
                module(_sample(module, parameter))
            if any(given is parameter for given in products.given):
                return True
            weights = [given for given in products.given if given.shape == parameter.shape]
            if not weights or not all(
                torch.equal(weight != 0, there) and weight.isfinite().all() for weight in weights
            ):
                return False
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return False
    finally:
        torch._foreach_copy_(own, originals)
        module.train(training)
    return True


def _sample(module: Any, parameter: nn.Parameter) -> Tensor:
    """Return the smallest input of a layer: [1, features], or [1, channels, ...] with the size of the kernel."""
    if isinstance(module, nn.Linear):
        return parameter.new_zeros(1, module.in_features)
    extent = [(k - 1) * d + 1 for k, d in zip(module.kernel_size, module.dilation, strict=True)]
    return parameter.new_zeros([1, module.in_channels, *extent])
