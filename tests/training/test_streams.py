"""Streams of random numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dst_robustness.study.run import Run
from dst_robustness.training.build import build_state
from dst_robustness.training.data import SampleSet
from dst_robustness.training.options import TrainingOptions
from dst_robustness.training.streams import stream

SEEDS = [0, 1, 65535, 65536, 20240601, 2**32, 2**32 + 1, 2**48, 2**63 - 1]


def drawn(splits: Path, options: TrainingOptions, seed: int) -> dict[str, torch.Tensor]:
    """Return what a seed decides: the first weights, the order of two epochs, the augmentations of three steps."""
    data = SampleSet(splits / "train.h5", torch.device("cpu"))
    state = build_state(Run("tiny_resnet8", "tiny", "resnet8", "static", 0.5, seed), data, options, {}, None)
    values = {
        "weights": state.network.conv1.weight.detach(),
        "masks": torch.cat([*map(torch.flatten, state.sparse.masks.values())]),
    }
    for epoch in (0, 1):
        values[f"order {epoch}"] = torch.cat([labels for _, labels in data.shuffled(16, seed=seed, epoch=epoch)])
        values[f"pixels {epoch}"] = next(data.shuffled(16, seed=seed, epoch=epoch))[0]
        for state.epoch, state.step in ((epoch, 0), (epoch, 1)):
            values[f"augmentation {epoch} {state.step}"] = torch.rand(4, generator=state.seed_step())
            values[f"dropout {epoch} {state.step}"] = torch.rand(4)
    return values


def test_no_two_seeds_share_a_draw(splits: Path, options: TrainingOptions) -> None:
    """Generators on the CPU take 32 bits: a seed that stands in the others makes all runs alike, in order and crops."""
    draws = [drawn(splits, options, seed) for seed in SEEDS]
    for one, other in itertools.combinations(draws, 2):
        for name in one:
            assert not torch.equal(one[name], other[name]), name


def test_no_two_epochs_and_steps_share_a_draw(splits: Path, options: TrainingOptions) -> None:
    """A crop that belonged to a step of each epoch alike would be no augmentation."""
    values = drawn(splits, options, 0)
    for kind in ("augmentation", "dropout", "order", "pixels"):
        same_kind = [value for name, value in values.items() if name.startswith(kind)]
        for one, other in itertools.combinations(same_kind, 2):
            assert not torch.equal(one, other), kind


def test_the_lower_32_bits_differ() -> None:
    """All that a generator on the CPU takes, over seeds, epochs, steps and processes."""
    places = [
        stream(seed, epoch, step, rank) for seed in SEEDS for epoch in range(3) for step in range(3) for rank in (0, 1)
    ]
    assert len({place % 2**32 for place in places}) == len(places)
    assert max(places) < 2**63


@pytest.mark.parametrize("seed", [65536, 2**63 - 1])
def test_any_seed_trains(train: Callable[..., None], options: TrainingOptions, tmp_path: Path, seed: int) -> None:
    """A date or a job number is a seed too."""
    train(tmp_path, options=options.model_copy(update={"epochs": 1}), method="static", seed=seed)
    assert (tmp_path / "model.pt").exists()
