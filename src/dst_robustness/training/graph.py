"""Forward and backward pass as one CUDA graph. Small networks spend most of a step on launching kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dst_robustness.training.mixing import Mixed
from dst_robustness.training.parallel import world_size
from dst_robustness.training.state import TrainingState

WARM_UPS = 3  # passes before a capture, in which libraries choose kernels and allocate memory


def captured(state: TrainingState, backward: Callable[[Mixed], None]) -> Callable[[Mixed], None]:
    """Return ``backward`` as a CUDA graph. Without a GPU, or with several processes, return it unchanged.

    Args:
        state: the network in training.
        backward: adds the gradients of a batch to the parameters, and its loss and hits to ``state.totals``. It changes
            nothing else except the buffers of the network.
    """
    if state.totals.device.type != "cuda" or world_size() > 1:
        return backward
    return _Replayed(state, backward)


class _Replayed:
    """Captures the pass at its first batch, and replays it for all batches of that shape."""

    def __init__(self, state: TrainingState, backward: Callable[[Mixed], None]) -> None:
        self.state, self.backward = state, backward
        self.parameters = list(state.network.parameters())
        self.gradients: list[Tensor | None] = []
        self.inputs: Mixed | None = None
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Mixed) -> None:
        if self.inputs is None:
            self._capture(batch)
        if self.graph is None or self.inputs is None or not _alike(batch, self.inputs):
            self.backward(batch)
            return
        for place, tensor in zip(self.inputs, batch, strict=True):
            place.copy_(tensor)
        self.graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient

    def _capture(self, batch: Mixed) -> None:
        """Capture the pass. Buffers, totals and random state are the same before and after."""
        self.inputs = Mixed(*(tensor.clone() for tensor in batch))
        kept = [(tensor, tensor.clone()) for tensor in (*self.state.network.buffers(), self.state.totals)]
        random = torch.cuda.get_rng_state()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self.backward(self.inputs)
                self.state.optimizer.zero_grad()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.backward(self.inputs)
            self.graph, self.gradients = graph, [parameter.grad for parameter in self.parameters]
        except RuntimeError as error:  # a network that waits for the device in its forward pass
            reason = str(error).splitlines()[0]
            print(f"steps are launched kernel by kernel: the network cannot be captured as a CUDA graph ({reason})")
        self.state.optimizer.zero_grad()
        with torch.no_grad():
            for tensor, before in kept:
                tensor.copy_(before)
        torch.cuda.set_rng_state(random)


def _alike(batch: Mixed, other: Mixed) -> bool:
    return all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip(batch, other, strict=True))
