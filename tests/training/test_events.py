"""Event files for TensorBoard."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dst_robustness.training.events import Events
from dst_robustness.training.options import TrainingOptions


def losses(folder: Path) -> tuple[list[int], list[float]]:
    """Return steps and values of the loss, as TensorBoard reads them."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return [event.step for event in events.Scalars("loss")], [event.value for event in events.Scalars("loss")]


def test_events_are_the_history(train: Callable[..., None], options: TrainingOptions, tmp_path: Path) -> None:
    """Trained twice, the folder holds the second training only."""
    for _ in range(2):
        train(tmp_path, options=options.model_copy(update={"tensorboard": True}))
    history = pd.read_csv(tmp_path / "history.csv")
    steps, values = losses(tmp_path / "tensorboard")
    assert steps == history["step"].tolist()
    assert values == pytest.approx(history["loss"].tolist(), rel=1e-6)


def test_a_resumed_training_goes_on_with_its_events(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path, cut_steps: list
) -> None:
    """Interrupted in the second of two epochs: each epoch is there once."""
    options = options.model_copy(update={"tensorboard": True, "checkpoint_seconds": 0})
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, options=options)
    train(tmp_path, options=options)
    assert losses(tmp_path / "tensorboard")[0] == [3, 6]


def test_a_full_disk_is_one_error_and_leaves_whole_rows(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk; what was written before can be read."""
    events, limits = Events(tmp_path, 0), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: .*tfevents"):  # noqa: PT012 - in which row is seen below
            for step in range(1, 100):
                events.add({"epoch": step, "step": step, "loss": 0.5, "accuracy": 0.1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert losses(tmp_path)[0] == list(range(1, step))
    assert events.path.stat().st_size < 1000


def test_nothing_is_written_unless_asked_for(train: Callable[..., None], tmp_path: Path) -> None:
    """The default is off."""
    train(tmp_path)
    assert not (tmp_path / "tensorboard").exists()
