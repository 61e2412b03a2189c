"""A captured pass trains as one that is launched kernel by kernel."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from dst_robustness.study.run import Run
from dst_robustness.training.build import build_state
from dst_robustness.training.data import SampleSet
from dst_robustness.training.graph import captured
from dst_robustness.training.loop import backward, train_step
from dst_robustness.training.options import TrainingOptions

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def weights_after(splits: Path, options: TrainingOptions, method: str, *, graph: bool) -> dict[str, torch.Tensor]:
    """Train for two epochs, the last batch of each smaller than the others."""
    data = SampleSet(splits / "train.h5", torch.device("cuda"))
    sparsity = 0.0 if method == "dense" else 0.5
    state = build_state(
        Run("tiny_resnet8", "tiny", "resnet8", method, sparsity, 0), data, options, {"update_interval": 2}, None
    )
    launched = partial(backward, state, data, options)
    gradients = captured(state, launched) if graph else launched
    for epoch in range(2):
        for samples, labels in data.shuffled(options.batch_size, seed=0, epoch=epoch):
            train_step(state, data, samples, labels, options, gradients)
            state.step += 1
    assert (gradients is launched) != graph
    return {
        **state.network.state_dict(),
        "totals": state.totals,
        **{f"m.{k}": v for k, v in state.sparse.masks.items()},
    }


@needs_gpu
@pytest.mark.parametrize("method", ["dense", "static", "set"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_captured_pass_is_the_same(
    splits: Path, options: TrainingOptions, method: str, accumulation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, statistics of norm layers, totals and masks; capturing leaves no trace in any of them."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    options = options.model_copy(
        update={"batch_size": 16, "precision": "float32", "gradient_accumulation": accumulation}
    )
    with_graph = weights_after(splits, options, method, graph=True)
    without = weights_after(splits, options, method, graph=False)
    torch.testing.assert_close(with_graph, without, rtol=1e-3, atol=1e-4)


def test_without_a_gpu_nothing_is_captured(splits: Path, options: TrainingOptions) -> None:
    """The pass that was given comes back."""
    data = SampleSet(splits / "train.h5", torch.device("cpu"))
    state = build_state(Run("tiny_resnet8", "tiny", "resnet8", "dense", 0.0, 0), data, options, {}, None)
    launched = partial(backward, state, data, options)
    assert captured(state, launched) is launched
