"""From a network to its predictions on every test set, and from predictions to metrics.

The functions listed here need no torch. Each is imported at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dst_robustness.evaluation.measures import (
        Gain,
        calibration_error,
        gain,
        mean_corruption_error,
        robust_accuracy,
    )
    from dst_robustness.evaluation.table import corruption_table

__all__ = ["Gain", "calibration_error", "corruption_table", "gain", "mean_corruption_error", "robust_accuracy"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "table" if name == "corruption_table" else "measures"
    return getattr(import_module(f"{__name__}.{module}"), name)
