"""Sparse training: where the weights are, which are dropped and grown, and what it costs.

Listing the methods and asking one for its class attributes does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dst_robustness.registry import Registry

if TYPE_CHECKING:
    from dst_robustness.sparsity.distributions import layer_densities
    from dst_robustness.sparsity.methods.base import Method
    from dst_robustness.sparsity.training import SparseTraining

__all__ = ["METHODS", "SparseTraining", "layer_densities"]

_METHODS = "dst_robustness.sparsity.methods"

METHODS: Registry[type[Method]] = Registry(
    "method",
    {
        "dense": f"{_METHODS}.dense:Dense",
        "dense_small": f"{_METHODS}.dense:DenseSmall",
        "static": f"{_METHODS}.static:Static",
        "set": f"{_METHODS}.set:Set",
        "rigl": f"{_METHODS}.rigl:RigL",
        "mest_r": f"{_METHODS}.mest:MestRandom",
        "mest_g": f"{_METHODS}.mest:MestGradient",
        "granet_r": f"{_METHODS}.granet:GraNetRandom",
        "granet_g": f"{_METHODS}.granet:GraNetGradient",
        "gmp": f"{_METHODS}.gmp:GMP",
        "snip": f"{_METHODS}.snip:Snip",
        "grasp": f"{_METHODS}.grasp:GraSP",
        "dst_frozen": f"{_METHODS}.dst_frozen:DSTFrozen",
    },
)


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for."""
    if name == "layer_densities":
        from dst_robustness.sparsity.distributions import layer_densities

        return layer_densities
    if name == "SparseTraining":
        from dst_robustness.sparsity.training import SparseTraining

        return SparseTraining
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
