"""The final mask of a finished dynamic run, trained from the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dst_robustness.sparsity.methods.base import Method


@dataclass(frozen=True)
class DSTFrozen(Method):
    """Static training with the final masks of a dynamic method.

    The control for the search: does a gain come from the topology that was found, or from searching for it?
    """

    name: ClassVar[str] = "dst_frozen"
    label: ClassVar[str] = "DST-frozen"
    needs_masks: ClassVar[bool] = True
