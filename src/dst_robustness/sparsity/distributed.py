"""Keep the topology equal on all processes: averages, broadcasts, agreement. With one process they do nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def several_processes() -> bool:
    """Return whether a process group of more than one process is running."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the processes."""
    if several_processes():
        for tensor in tensors:
            dist.all_reduce(tensor)
            tensor.div_(dist.get_world_size())


def decides() -> bool:
    """Return whether this process is the one that chooses the masks."""
    return not several_processes() or dist.get_rank() == 0


def broadcast(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the flat uint8 tensors of the first process, on every process."""
    if not several_processes():
        return list(tensors)
    flat = torch.cat(list(tensors))
    dist.broadcast(flat, src=0)
    return list(flat.split([tensor.numel() for tensor in tensors]))


def everywhere(flag: Tensor) -> bool:
    """Return whether the bool is true on all processes."""
    if several_processes():
        flag = flag.to(torch.int32)
        dist.all_reduce(flag, op=dist.ReduceOp.MIN)
    return bool(flag)


def assert_same(name: str, numbers: Tensor) -> None:
    """Raise RuntimeError if a tensor of integers differs between processes."""
    if not several_processes():
        return
    low, high = numbers.clone(), numbers.clone()
    dist.all_reduce(low, op=dist.ReduceOp.MIN)
    dist.all_reduce(high, op=dist.ReduceOp.MAX)
    if not torch.equal(low, high):
        raise RuntimeError(f"{name} differ between processes: {low.tolist()} and {high.tolist()}")
