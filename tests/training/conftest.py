"""A tiny data set and a way to train on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dst_robustness.sets.storage import create_hdf5, write_samples
from dst_robustness.study.run import Run
from dst_robustness.training import loop
from dst_robustness.training.loop import train_run
from dst_robustness.training.options import TrainingOptions

OPTIONS = TrainingOptions(
    epochs=2,
    batch_size=16,
    gradient_accumulation=1,
    optimizer="sgd",
    learning_rate=0.05,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="cosine",
    warmup_epochs=0,
    label_smoothing=0,
    gradient_clipping=0,
    weight_averaging=0,
    augmentation="crop",
    mixing="none",
    precision="float32",
    compile=False,
    checkpoint_seconds=60,
)


@pytest.fixture(scope="session")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.h5 (40 images) and validation.h5 (10) of two classes, dark and bright."""
    folder = tmp_path_factory.mktemp("splits")
    random = np.random.default_rng(0)
    for split, count in (("train", 40), ("validation", 10)):
        labels = np.arange(count) % 2
        images = random.integers(0, 100, (count, 8, 8, 3)) + 100 * labels[:, None, None, None]
        attributes = {"classes": json.dumps(["dark", "bright"]), "mean": [0.4] * 3, "std": [0.2] * 3}
        with create_hdf5(folder / f"{split}.h5", **attributes) as file:
            write_samples(file, [images.astype(np.uint8)], labels)
    return folder


@pytest.fixture
def options() -> TrainingOptions:
    """Two epochs of three steps."""
    return OPTIONS


@pytest.fixture
def cut_steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Let the fifth call of ``train_step`` raise KeyboardInterrupt; return the list of the calls."""
    step, calls = loop.train_step, []

    def failing(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        step(*arguments)

    monkeypatch.setattr(loop, "train_step", failing)
    return calls


@pytest.fixture
def train(splits: Path) -> Callable[..., None]:
    """Train resnet8 on the tiny set: ``train(folder, method="rigl", sparsity=0.5, options=OPTIONS, ...)``."""

    def run(
        folder: Path,
        method: str = "rigl",
        sparsity: float = 0.5,
        options: TrainingOptions = OPTIONS,
        masks: Path | None = None,
        seed: int = 0,
    ) -> None:
        train_run(
            splits / "train.h5",
            splits / "validation.h5",
            folder,
            Run("tiny_resnet8", "tiny", "resnet8", method, sparsity, seed),
            options=options,
            sparse_options={"update_interval": 2} if sparsity else {},
            masks=masks,
        )

    return run
