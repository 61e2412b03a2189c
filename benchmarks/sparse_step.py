"""What sparse training costs beside dense training: a step, and a topology update.

    python benchmarks/sparse_step.py [--model resnet18] [--batch 64] [--rounds 15] [--device cpu] [--channels-last]
                                     [--methods rigl granet_g] [--optimizer adamw]

Every method trains its own copy of one model on one batch. Each round takes one step of everybody in a random order and
compares it with the plain loop's step of the same round: the median of these ratios, with their quartiles. A ratio
includes the method's share of a topology update at the default interval of 100 steps. Processor seconds are what other
programs disturb least (set OMP_NUM_THREADS=1, or waiting threads count as well); on a GPU there is only the wall clock.
With AdamW, each step corrects the updates of young weights. At the start half of the active weights are young, as after
the first thousand steps of a training. rigl-torch, a public RigL, takes part where it is installed; it cannot do
--channels-last.
"""

from __future__ import annotations

import argparse
import copy
import functools
import importlib.util
import random
import statistics
import time
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dst_robustness.models import build_model
from dst_robustness.sparsity import METHODS, SparseTraining

SPARSITY = 0.5
INTERVAL = 100
NEVER = 10**9


class Contender:
    """A model in training by a plain loop; the others change what comes after the backward pass."""

    dynamic = False
    optimizers: ClassVar[dict[str, Callable[..., torch.optim.Optimizer]]] = {
        "sgd": functools.partial(torch.optim.SGD, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4),
        "adamw": functools.partial(torch.optim.AdamW, lr=0.001, weight_decay=0.05, fused=True),
        "adamw-unfused": functools.partial(torch.optim.AdamW, lr=0.001, weight_decay=0.05),
    }
    chosen = "sgd"

    def __init__(self, model: nn.Module, images: Tensor, labels: Tensor) -> None:
        self.model = copy.deepcopy(model)
        self.images, self.labels = images, labels
        self.optimizer = self.optimizers[self.chosen](self.model.parameters())

    def loss(self) -> Tensor:
        with torch.autocast(self.images.device.type, torch.bfloat16, enabled=self.images.is_cuda):
            return F.cross_entropy(self.model(self.images).float(), self.labels)

    def backward(self) -> None:
        self.optimizer.zero_grad()
        self.loss().backward()

    def step(self) -> None:
        self.backward()
        self.optimizer.step()

    def mask(self) -> None:
        """Do again what keeps the network sparse between updates."""

    def prepare_update(self) -> None:
        """Bring back the dense gradients that an update meets."""

    def update(self) -> None:
        """Update the topology now."""


class Sparse(Contender):
    """A method of this package."""

    def __init__(self, method: str, masks: dict[str, Tensor] | None, *data: nn.Module | Tensor) -> None:
        super().__init__(*data)
        self.trainer = SparseTraining(
            self.model,
            self.optimizer,
            method=method,
            sparsity=SPARSITY if METHODS[method].sparse else 0,
            total_steps=10 * NEVER,
            update_interval=NEVER,  # updates are timed by themselves
            initial_masks=masks,
            loss=self.loss,
        )
        self.dynamic = self.trainer.method.dynamic
        if ages := self.trainer._ages:
            for layer in ages.layers:
                ages.grow(layer, layer.mask.bool() & (torch.rand_like(layer.mask) < 0.5))
        self.backward()
        self.gradients = [parameter.grad.clone() for parameter in self.model.parameters()]

    def step(self) -> None:
        self.backward()
        self.trainer.step()

    def mask(self) -> None:
        self.trainer.mask_gradients()

    def prepare_update(self) -> None:
        for parameter, gradient in zip(self.model.parameters(), self.gradients, strict=True):
            parameter.grad.copy_(gradient)

    def update(self) -> None:
        needed = self.trainer.method.needs_gradient
        self.trainer.update_topology(self.trainer.network.dense_gradients() if needed else None)


class RigLTorch(Contender):
    """RigL by the package rigl-torch, which knows uniform sparsity only."""

    dynamic = True

    def __init__(self, *data: nn.Module | Tensor) -> None:
        super().__init__(*data)
        from rigl_torch.RigL import RigLScheduler

        self.scheduler = RigLScheduler(
            self.model, self.optimizer, dense_allocation=1 - SPARSITY, delta=NEVER, T_end=10 * NEVER
        )
        self.scheduler.step = NEVER - 1  # the step before an update: its hooks now keep the dense gradient
        self.backward()
        self.gradients = [hook and hook.dense_grad for hook in self.scheduler.backward_hook_objects]
        self.scheduler.step = 0

    def step(self) -> None:
        self.backward()
        if self.scheduler():
            self.optimizer.step()

    def mask(self) -> None:
        self.scheduler.apply_mask_to_gradients()
        self.scheduler.reset_momentum()
        self.scheduler.apply_mask_to_weights()

    def prepare_update(self) -> None:
        for hook, gradient in zip(self.scheduler.backward_hook_objects, self.gradients, strict=True):
            if hook is not None:
                hook.dense_grad = gradient

    def update(self) -> None:
        self.scheduler._rigl_step()


def contenders(methods: list[str], model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Contender]:
    data = (model, images, labels)
    everybody: dict[str, Contender] = {"plain loop": Contender(*data)}
    finished: dict[str, Tensor] = {}
    for method in methods:
        needs_masks = METHODS[method].needs_masks
        if needs_masks and not finished:
            finished = Sparse("static", None, *data).trainer.masks
        everybody[method] = Sparse(method, finished if needs_masks else None, *data)
    if importlib.util.find_spec("rigl_torch") and images.is_contiguous():
        everybody["rigl-torch"] = RigLTorch(*data)
    else:
        print("rigl-torch is left out: it is not installed, or the tensors are channels_last")
    return everybody


class Took(NamedTuple):
    """Seconds that a call took."""

    processor: float
    wall: float


def took(function: Callable[[], None], device: torch.device) -> Took:
    began, spent = time.perf_counter(), time.process_time()
    function()
    if device.type != "cpu":
        torch.cuda.synchronize(device)
    return Took(time.process_time() - spent, time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--channels-last", action="store_true")
    masking = [method for method in METHODS if not METHODS[method].scales_width]
    parser.add_argument("--methods", nargs="+", choices=masking, default=masking)
    parser.add_argument("--optimizer", choices=Contender.optimizers, default=Contender.chosen)
    arguments = parser.parse_args()
    Contender.chosen = arguments.optimizer
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    model = build_model(arguments.model, 100).to(device, memory_format=layout)
    images = torch.randn(arguments.batch, 3, 32, 32, device=device).to(memory_format=layout)
    labels = torch.randint(100, (arguments.batch,), device=device)
    everybody = contenders(arguments.methods, model, images, labels)
    rounds: dict[str, list[tuple[Took, Took, Took]]] = {name: [] for name in everybody}
    for turn in range(arguments.rounds + 2):
        for name in random.sample(list(everybody), len(everybody)):
            contender = everybody[name]
            step, mask = took(contender.step, device), took(contender.mask, device)
            contender.prepare_update()
            update = took(contender.update, device) if contender.dynamic else Took(0.0, 0.0)
            if turn >= 2:  # the first rounds warm up
                rounds[name].append((step, mask, update))
    plain = [step for step, _, _ in rounds["plain loop"]]
    print(f"{arguments.model}, {arguments.optimizer}, batch {arguments.batch}, {device}, ", end="")
    print(f"{torch.get_num_threads()} threads, {arguments.rounds} rounds")
    for clock in ("wall",) if device.type == "cuda" else Took._fields:
        first = [getattr(step, clock) for step in plain]
        print(f"by the {clock} clock, relative to a step of the plain loop, {statistics.median(first) * 1e3:.1f} ms")
        print(f"{'':12}{'step':>10}{'quartiles':>20}{'masking':>10}{'update':>10}")
        for name, measured in rounds.items():
            step, mask, update = (
                [getattr(each, clock) / one for each, one in zip(kind, first, strict=True)]
                for kind in zip(*measured, strict=True)
            )
            shares = [s + statistics.median(update) / INTERVAL for s in step]
            low, middle, high = statistics.quantiles(shares, n=4)
            quartiles = f"{low:.3f} to {high:.3f}"
            print(f"{name:12}{middle:10.3f}{quartiles:>20}", end="")
            print(f"{statistics.median(mask):10.4f}{statistics.median(update):10.4f}")


if __name__ == "__main__":
    main()
