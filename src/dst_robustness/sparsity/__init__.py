"""Sparse training: which weights are active, which are dropped and grown, and what it costs.

Listing the methods and reading their class attributes does not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dst_robustness.registry import Registry
from dst_robustness.sparsity import methods

if TYPE_CHECKING:
    from dst_robustness.sparsity.distributions import layer_densities
    from dst_robustness.sparsity.methods.base import Method
    from dst_robustness.sparsity.training import SparseTraining

__all__ = ["METHODS", "SparseTraining", "layer_densities", "options_for"]

METHODS: Registry[type[Method]] = Registry("method", methods.places())


def options_for(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a study without those that only other methods have."""
    foreign = {name for other in METHODS.values() for name in other.option_names()}
    foreign.difference_update(METHODS[method].option_names())
    return {name: value for name, value in options.items() if name not in foreign}


def __getattr__(name: str) -> Any:
    """Import what needs torch at its first use."""
    if name == "layer_densities":
        from dst_robustness.sparsity.distributions import layer_densities

        return layer_densities
    if name == "SparseTraining":
        from dst_robustness.sparsity.training import SparseTraining

        return SparseTraining
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
