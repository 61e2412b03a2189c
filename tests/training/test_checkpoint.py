"""A checkpoint serves its own configuration, survives damage, and one process at a time."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dst_robustness.training.checkpoint import Checkpoint, exclusive
from dst_robustness.training.options import TrainingOptions

CHANGES: dict[str, Callable[[dict], object]] = {
    "a weight of another shape": lambda saved: saved["state"]["network"].update({"conv1.weight": torch.zeros(3)}),
    "a weight that is missing": lambda saved: saved["state"]["network"].pop("conv1.weight"),
    "momentum of another shape": lambda saved: saved["state"]["optimizer"]["state"][0].update(
        momentum_buffer=torch.zeros(3)
    ),
    "another kind of optimizer": lambda saved: saved["state"].update(optimizer=[1, 2]),
    "no masks": lambda saved: saved["state"].update(sparse={}),
    "a sparse training of another kind": lambda saved: saved["state"].update(sparse=3),
    "an epoch in words": lambda saved: saved["state"]["plain"].update(epoch="two"),
    "no history": lambda saved: saved["state"]["plain"].update(history=None),
    "a history that lacks an epoch": lambda saved: saved["state"]["plain"].update(history=[]),
    "no state": lambda saved: saved.pop("state"),
    "no configuration": lambda saved: saved.pop("configuration"),
    "a configuration of another kind": lambda saved: saved.update(configuration=[1]),
}


@pytest.fixture
def finished(train: Callable[..., None], options: TrainingOptions, tmp_path: Path, monkeypatch) -> Callable[[], None]:
    """Train to the end and keep the last checkpoint; return what trains again."""
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    options = options.model_copy(update={"epochs": 2, "checkpoint_seconds": 0})
    train(tmp_path, options=options)
    return lambda: train(tmp_path, options=options)


def epochs_trained(capsys: pytest.CaptureFixture[str]) -> tuple[str, int]:
    """Return the text before the first epoch, and how many epochs there were."""
    said = capsys.readouterr().out
    return said.partition("epoch ")[0], said.count("validation_accuracy")


def test_a_checkpoint_that_fits_is_gone_on_from(finished: Callable[[], None], capsys) -> None:
    """Protects the tests below: without a fault nothing is trained again but the last epoch's end."""
    capsys.readouterr()
    finished()
    said, epochs = epochs_trained(capsys)
    assert "does not fit" not in said
    assert epochs == 1


@pytest.mark.parametrize("change", [*CHANGES, "a list", "a text file", "nothing", "half"])
def test_a_checkpoint_that_does_not_fit_is_named_set_aside_and_not_used(
    finished: Callable[[], None], tmp_path: Path, change: str, capsys
) -> None:
    """After an update of the code, or a power failure, the same command trains the network: nobody has to look."""
    path = tmp_path / "checkpoint.pt"
    if change in CHANGES:
        saved = torch.load(path, weights_only=True)
        CHANGES[change](saved)
        torch.save(saved, path)
    elif change == "a list":
        torch.save([1, 2], path)
    else:
        path.write_bytes({"a text file": b"not tensors", "nothing": b"", "half": path.read_bytes()[:2000]}[change])
    spoilt = path.read_bytes()
    capsys.readouterr()
    finished()
    said, epochs = epochs_trained(capsys)
    assert f"checkpoint {path} is damaged or does not fit this run" in said
    assert f"it is now {path}.damaged: starting from the beginning" in said
    assert epochs == 2
    assert (tmp_path / "checkpoint.pt.damaged").read_bytes() == spoilt


def test_a_checkpoint_of_other_options_is_not_used(
    finished: Callable[[], None], train: Callable[..., None], options: TrainingOptions, tmp_path: Path, capsys
) -> None:
    """The file is not damaged: a line says that it is of another configuration, and it is overwritten."""
    capsys.readouterr()
    train(tmp_path, options=options.model_copy(update={"momentum": 0.8}))
    said, epochs = epochs_trained(capsys)
    assert "is of another configuration (training.momentum 0.9 -> 0.8): starting" in said
    assert epochs == 2
    assert not (tmp_path / "checkpoint.pt.damaged").exists()


def test_two_processes_never_train_one_run(tmp_path: Path) -> None:
    """The second gets an error, and the lock ends with its holder."""
    run, lock = tmp_path / "checkpoint.pt", tmp_path / ".checkpoint.pt.lock"
    hold = f"import fcntl, sys; f = open({str(lock)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); "
    hold += "sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RuntimeError, match="another process is doing this"), exclusive(run):
            pass
        holder.kill()
        holder.wait()
    with exclusive(run):
        pass
