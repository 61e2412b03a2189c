"""Read numbers from a device without waiting for it.

A GPU works behind the host. To read a number at once, the host has to wait until the GPU has finished all its work, and
the GPU then waits for new work. In a small network that costs a fifth of each step. So the number is copied when the
GPU gets there, and read one step later, when the work of the next step is queued.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Readings:
    """Numbers that were requested and are not read yet."""

    def __init__(self) -> None:
        self._asked: list[tuple[Tensor, Any, Callable[[Any], None]]] = []

    def read(self, numbers: Tensor, then: Callable[[Any], None]) -> None:
        """Call ``then`` with the numbers as Python values: now on a CPU, in the next ``settle`` on a GPU."""
        if not runs_ahead(numbers.device):
            then(numbers.tolist())
            return
        copy = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=numbers.is_cuda)
        copy.copy_(numbers, non_blocking=True)
        copied = None
        if numbers.is_cuda:
            copied = torch.cuda.Event()
            copied.record(torch.cuda.current_stream(numbers.device))
        self._asked.append((copy, copied, then))

    def settle(self) -> None:
        """Read all requested numbers and pass them on."""
        asked, self._asked = self._asked, []
        for copy, copied, then in asked:
            if copied is not None:
                copied.synchronize()
            then(copy.tolist())


def runs_ahead(device: torch.device) -> bool:
    """Return whether the host runs ahead of this device."""
    return device.type == "cuda"
