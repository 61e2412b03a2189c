"""The final mask of a finished dynamic run, shuffled within each layer and trained from the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dst_robustness.sparsity.methods.dst_frozen import DSTFrozen


@dataclass(frozen=True)
class DSTShuffled(DSTFrozen):
    """Static training with random masks that have the layer densities of a dynamic method's final masks.

    The control for the allocation: does a gain come from how dense each layer is, or from which weights are active?
    """

    name: ClassVar[str] = "dst_shuffled"
    label: ClassVar[str] = "DST-shuffled"
    shuffles_masks: ClassVar[bool] = True
