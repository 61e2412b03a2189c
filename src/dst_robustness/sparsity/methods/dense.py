"""Dense training, the baseline, and a narrower dense network, the control for the number of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dst_robustness.sparsity.methods.base import Method


@dataclass(frozen=True)
class Dense(Method):
    """All weights, all the time. Runs at sparsity 0."""

    name: ClassVar[str] = "dense"
    label: ClassVar[str] = "Dense"
    sparse: ClassVar[bool] = False
    masks: ClassVar[bool] = False


@dataclass(frozen=True)
class DenseSmall(Method):
    """A dense network, narrower by a factor, with as many parameters as the sparse one.

    The control for the number of parameters: is the gain of a sparse network only the gain of a smaller one? The
    training loop builds the network narrower. This method masks nothing at any sparsity.
    """

    name: ClassVar[str] = "dense_small"
    label: ClassVar[str] = "Dense-small"
    masks: ClassVar[bool] = False
    scales_width: ClassVar[bool] = True
