"""Numbers from stored predictions and weights: statistics, verdicts, frequencies, topologies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dst_robustness.analysis.looks import Decision, Looks, look

__all__ = ["Decision", "Looks", "look"]


def __getattr__(name: str) -> Any:
    """Import what needs scipy at its first use."""
    if name in __all__:
        from dst_robustness.analysis import looks

        return getattr(looks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
