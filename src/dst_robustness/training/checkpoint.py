"""The rolling checkpoint of a run: for one configuration, one process at a time, whatever ends that process."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.jobs.locks import alone
from dst_robustness.models.tensor_files import load_tensors, save_tensors
from dst_robustness.training.parallel import rank


class Checkpoint:
    """One file beside the run's outputs that Snakemake does not know of and so does not delete.

    Attributes:
        path: the file.
        configuration: all that decides the result of the run; a checkpoint of another one is not used.
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
        """Write the state in one piece over the last checkpoint; with several processes the first one writes."""
        if rank() == 0:
            save_tensors(self.path, {"configuration": self.configuration, "state": dict(state)})
        self._written = time.monotonic()

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the saved state, or None, saying why, where there is none that this configuration can go on from."""
        if not self.path.exists():
            return None
        try:
            saved = load_tensors(self.path, device)
            differing = _differences(saved["configuration"], self.configuration)
        except (DamagedFileError, KeyError, OSError) as error:
            print(f"checkpoint {self.path} is damaged ({error}): starting from the beginning")
            return None
        if differing:
            print(f"checkpoint {self.path} is of another configuration ({differing}): starting from the beginning")
            return None
        return saved["state"]

    def remove(self) -> None:
        """Delete the checkpoint of a finished run."""
        self.path.unlink(missing_ok=True)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(f"{key}: {old.get(key)!r} there, {new.get(key)!r} here" for key in keys)


@contextmanager
def exclusive(path: str | Path) -> Iterator[None]:
    """Hold the lock of a run's checkpoint while the block runs.

    Raises TakenError where another process holds it, so that no two jobs ever train one run.
    """
    with alone(path, wait=False):
        yield


class StopSignal:
    """Remembers that the process was asked to end (SIGTERM, or SIGUSR1 ahead of a time limit)."""

    def __init__(self) -> None:
        self.received = False
        for name in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(name, self._receive)

    def _receive(self, *_: object) -> None:
        self.received = True
