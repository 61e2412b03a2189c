"""Processes for reading files that may hang or crash the reader: a bad file then costs only one process."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from concurrent.futures import TimeoutError as TookTooLong
from types import TracebackType
from typing import Any

import numpy as np
from pebble import ProcessExpired, ProcessPool

MEMORY = 1600 << 20  # bytes of address space of one process


class ReadingProcesses:
    """Processes that each make one call at a time, within a time limit. Several threads may call ``run``.

    Args:
        count: number of processes. They start at their first use.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPool | None = None
        self._main = sys.modules["__main__"]
        self._hidden: dict[str, Any] = {}

    def run(self, call: Callable[[], np.ndarray], time_limit: float) -> np.ndarray:
        """Return what a picklable call returns.

        Raises ValueError in words if the call fails, takes longer than ``time_limit`` seconds, or ends its process.
        """
        assert self._pool is not None
        try:
            return self._pool.schedule(call, timeout=time_limit).result()
        except TookTooLong:
            raise ValueError(
                f"takes longer than time_limit = {time_limit:g} s; the file is damaged, or the limit too short"
            ) from None
        except ProcessExpired:
            raise ValueError("ends the process that decodes it; the file is damaged") from None
        except MemoryError:
            raise ValueError(f"takes more than {MEMORY >> 20} MiB of memory to decode") from None
        except Exception as error:  # a library may raise anything for a damaged file; one line must come back
            raise ValueError(str(error) or type(error).__name__) from None

    def __enter__(self) -> ReadingProcesses:
        # Processes are started anew, not forked, since a fork copies the locks that other threads hold. But then Python
        # runs the main script again in each of them, here the script of a job. So that script is hidden.
        for name in ("__file__", "__spec__"):
            if (value := getattr(self._main, name, None)) is not None:
                self._hidden[name] = value
                setattr(self._main, name, None)
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=self._count, context=context, initializer=_start)
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        assert self._pool is not None
        self._pool.stop()
        self._pool.join()
        for name, hidden in self._hidden.items():
            setattr(self._main, name, hidden)


def _start() -> None:
    """Set up a process: one thread, limited memory, and no output of libraries in the job's log."""
    os.environ["OMP_NUM_THREADS"] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
