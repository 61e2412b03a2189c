"""A report for the user: what a sparse training masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dst_robustness.sparsity.flops import inference_flops, layer_flops

if TYPE_CHECKING:
    from dst_robustness.sparsity.training import SparseTraining


def report(trainer: SparseTraining, input_shape: Sequence[int] | None = None) -> str:
    """Return a table of the masked weights with their cost, and of what stays dense; see ``SparseTraining.report``."""
    network = trainer.network
    amounts = layer_flops(trainer.model, input_shape) if input_shape is not None else {}
    active = {layer.name: layer.active for layer in network.layers}
    names = [*network.weights, *(item.name for item in trainer.left_out)]
    width = max(map(len, [*names, "weight"]))
    lines = [
        f"{trainer.method.label}, step {trainer.steps}: {sum(active.values()) + network.always_active:,} of "
        f"{network.total:,} maskable weights are active, density {network.density:.4f}",
        f"{'weight':{width}} {'shape':>18} {'active':>12} {'density':>8}" + (f" {'MFLOPs':>10}" if amounts else ""),
    ]
    for name, weight in network.weights.items():
        count = active.get(name, weight.numel())
        density = count / weight.numel()
        cost = f" {2e-6 * amounts[name] * density:10.3f}" if amounts else ""
        lines.append(f"{name:{width}} {_shape(weight.shape):>18} {count:12,} {density:8.4f}{cost}")
    for item in trainer.left_out:
        cost = f" {2e-6 * amounts[item.name]:10.3f}" if item.name in amounts else ""
        numel = item.parameter.numel()
        lines.append(
            f"{item.name:{width}} {_shape(item.parameter.shape):>18} {numel:12,}    dense{cost} ({item.reason})"
        )
    if amounts:
        dense = inference_flops(amounts)
        sparse = inference_flops(amounts, {**dict.fromkeys(amounts, 1.0), **network.densities})
        share = f", {sparse / dense:.4f} of the dense network's" if dense else ""
        lines.append(f"{2e-6 * sum(amounts.values()):,.3f} MFLOPs dense, {sparse * 1e-6:,.3f} sparse{share}")
    return "\n".join(lines)


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
