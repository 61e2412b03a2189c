"""Static sparse training: a random mask, drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dst_robustness.sparsity.methods.base import Method


@dataclass(frozen=True)
class Static(Method):
    """A random mask that never changes: the control for everything that moves.

    Liu et al., "The Unreasonable Effectiveness of Random Pruning", 2022, arXiv:2202.02643.
    """

    name: ClassVar[str] = "static"
    label: ClassVar[str] = "Static"
