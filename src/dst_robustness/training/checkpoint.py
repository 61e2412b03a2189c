"""The rolling checkpoint of a run: for one configuration and one process at a time, however that process ends."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from dst_robustness.jobs.locks import alone
from dst_robustness.models.tensor_files import load_tensors, save_tensors
from dst_robustness.study.kept import differences
from dst_robustness.training.parallel import agreed, rank
from dst_robustness.training.state import TrainingState


class Checkpoint:
    """One file beside the run's outputs that Snakemake does not know of and so does not delete.

    Attributes:
        path: the file.
        configuration: everything that decides the result of the run. A checkpoint of another one is not used.
        interval: seconds between two checkpoints.
    """

    def __init__(self, path: str | Path, configuration: Mapping[str, Any], interval: float) -> None:
        self.path = Path(path)
        self.configuration = json.loads(json.dumps(configuration))
        self.interval = interval
        self._written = time.monotonic()

    def due(self) -> bool:
        """Return whether the interval has passed since the last checkpoint."""
        return time.monotonic() - self._written >= self.interval

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the last checkpoint by the state. With several processes only the first one writes."""
        if rank() == 0:
            save_tensors(self.path, {"configuration": self.configuration, "state": dict(state)})
        self._written = time.monotonic()

    def resume(self, new_state: Callable[[], TrainingState]) -> TrainingState:
        """Return the saved state, or a new one if this configuration cannot continue from it; print the reason.

        A checkpoint that cannot be read or does not fit the network is renamed to ``checkpoint.pt.damaged``.
        """
        state = new_state()
        if agreed(not self._load(state), state.totals.device):
            aside = self.path.with_name(f"{self.path.name}.damaged")
            if rank() == 0:
                self.path.replace(aside)
                print(f"it is now {aside}: starting from the beginning")
            state = new_state()  # the other one may be half loaded
        return state

    def _load(self, state: TrainingState) -> bool:
        """Load a checkpoint of this configuration into the state. Return False if it does not fit."""
        if not self.path.exists():
            return True
        try:
            saved = load_tensors(self.path, state.totals.device)
            if differing := ", ".join(differences(saved["configuration"], self.configuration)):
                print(f"checkpoint {self.path} is of another configuration ({differing}): starting from the beginning")
                return True
            state.load_state_dict(saved["state"])
        except torch.OutOfMemoryError:  # no fault of the file
            raise
        except Exception as error:  # whatever another version, or another program, has put there
            reason = " ".join(str(error).split())[:300]
            print(f"checkpoint {self.path} is damaged or does not fit this run ({type(error).__name__}: {reason})")
            return False
        print(f"going on from the checkpoint at epoch {state.epoch + 1}, step {state.step}")
        return True

    def remove(self) -> None:
        """Delete the checkpoint of a finished run."""
        self.path.unlink(missing_ok=True)


@contextmanager
def exclusive(path: str | Path) -> Iterator[None]:
    """Hold the lock of a run's checkpoint while the block runs.

    Raises TakenError if another process holds it, so that no two jobs ever train the same run.
    """
    with alone(path, wait=False):
        yield


class StopSignal:
    """Remembers that the process was asked to end (by SIGTERM, or by SIGUSR1 before a time limit)."""

    def __init__(self) -> None:
        self.received = False
        for name in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(name, self._receive)

    def _receive(self, *_: object) -> None:
        self.received = True
