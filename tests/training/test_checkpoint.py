"""A checkpoint serves its own configuration, survives damage, and one process at a time."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dst_robustness.training.checkpoint import Checkpoint, exclusive

CPU = torch.device("cpu")


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    """Tensors and plain values are what they were."""
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", {"seed": 0}, 60)
    checkpoint.save({"weights": torch.arange(3.0), "epoch": 2})
    loaded = checkpoint.load(CPU)
    assert loaded is not None
    assert loaded["epoch"] == 2
    assert torch.equal(loaded["weights"], torch.arange(3.0))


def test_a_checkpoint_of_another_configuration_is_refused_by_its_differing_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed option must never go on from old weights."""
    Checkpoint(tmp_path / "checkpoint.pt", {"seed": 0, "epochs": 5}, 60).save({})
    assert Checkpoint(tmp_path / "checkpoint.pt", {"seed": 0, "epochs": 6}, 60).load(CPU) is None
    message = capsys.readouterr().out
    assert "epochs: 5 there, 6 here" in message
    assert "seed" not in message


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_checkpoint_is_said_and_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keep: int
) -> None:
    """Power failures may leave anything; the run then starts over."""
    path = tmp_path / "checkpoint.pt"
    Checkpoint(path, {}, 60).save({"weights": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:keep])
    assert Checkpoint(path, {}, 60).load(CPU) is None
    assert "damaged" in capsys.readouterr().out


def test_two_processes_never_train_one_run(tmp_path: Path) -> None:
    """The second is told, and the lock dies with its holder."""
    run, lock = tmp_path / "checkpoint.pt", tmp_path / ".checkpoint.pt.lock"
    hold = f"import fcntl, sys; f = open({str(lock)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); "
    hold += "sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RuntimeError, match="another process is at this"), exclusive(run):
            pass
        holder.kill()
        holder.wait()
    with exclusive(run):
        pass
