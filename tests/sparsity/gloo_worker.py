"""One of two processes that train together: ``python gloo_worker.py RANK STORE OUTPUT``."""

import sys
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from dst_robustness.sparsity import SparseTraining

METHODS = ("rigl", "set", "mest_r", "granet_g", "snip")


def train(method, rank=0, processes=1):
    """Return {name: weight} and {name: mask} after 8 steps on this process's share of 8 samples."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    inputs, labels = torch.randn(8, 12).double(), torch.arange(8) % 3
    share = slice(rank * 8 // processes, (rank + 1) * 8 // processes)
    wrapped = nn.parallel.DistributedDataParallel(model) if processes > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    trainer = SparseTraining(
        wrapped,
        optimizer,
        method=method,
        sparsity=0.5,
        total_steps=8,
        update_interval=2,
        last_update=1.0,
        loss=lambda: F.cross_entropy(model(inputs[share]), labels[share]),
        seed=0 if method != "set" else rank,  # seeds that differ must not matter: the first process decides
    )
    for _ in range(8):
        optimizer.zero_grad()
        F.cross_entropy(wrapped(inputs[share]), labels[share]).backward()
        trainer.step()
    return {"weights": model.state_dict(), "masks": trainer.masks, "updates": trainer.state_dict()["updates"]}


def take_part(rank, store, output):
    """Train by every method as one of two processes, and save what came out."""
    limit = timedelta(seconds=120)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=limit)
    try:
        torch.save({method: train(method, rank, 2) for method in METHODS}, output)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    take_part(int(sys.argv[1]), *sys.argv[2:])
