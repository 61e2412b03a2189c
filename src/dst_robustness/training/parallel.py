"""Several processes that train one network, each on its own GPU. They are started here or by ``torchrun``."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


def launch(processes: int, function: Callable[..., None], *arguments: Any, **options: Any) -> None:
    """Call a function in this process, or in several processes of one data-parallel group.

    The function and what it is given must be picklable. Where one of them fails the others are ended and the failure is
    raised here.
    """
    if processes == 1:
        function(*arguments, **options)
        return
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        max_restarts=0,
        run_id="training",
    )
    # Programs of their own: a forked process cannot use the GPUs, a spawned one would run the calling script again.
    with TemporaryDirectory() as folder:
        call = Path(folder) / "call.pickle"
        call.write_bytes(pickle.dumps((function, arguments, options)))
        elastic_launch(config, sys.executable)("-m", "dst_robustness.training.parallel", str(call))


@contextmanager
def process_group() -> Iterator[None]:
    """Join the other processes of the run, if there are any, while the block runs."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    on_gpus = torch.cuda.is_available()
    if on_gpus:
        local, visible = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= visible:
            raise ValueError(f"the run wants {os.environ['LOCAL_WORLD_SIZE']} GPUs, but {visible} are visible")
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return the number of this process. Process 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes of the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def data_parallel(network: nn.Module) -> nn.Module:
    """Wrap the network so that each backward pass averages its gradients over the processes."""
    if world_size() == 1:
        return network
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else None
    return nn.parallel.DistributedDataParallel(network, device_ids=devices)


def total(values: torch.Tensor) -> torch.Tensor:
    """Return the sum of a tensor over the processes."""
    values = values.clone()
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def agreed(flag: bool, device: torch.device) -> bool:
    """Return whether any process says yes."""
    return flag if world_size() == 1 else bool(total(torch.tensor(int(flag), device=device)))


def _run_call() -> None:
    """Run the function that ``launch`` has given to this process."""
    from torch.distributed.elastic.multiprocessing.errors import record

    function, arguments, options = pickle.loads(Path(sys.argv[1]).read_bytes())
    record(function)(*arguments, **options)


if __name__ == "__main__":
    _run_call()
