"""Videos read by worker processes: a file that hangs or crashes a decoder costs one worker, not the preparation."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

import numpy as np

from dst_robustness.datasets.decoding import load_decord, read_clip


class DecodingPool:
    """Worker processes that each read one video at a time, within a time limit. Called from several threads at once.

    Args:
        workers: how many processes; each is started when first needed.
        time_limit: seconds that one file may take, the start of a worker not counted.
    """

    def __init__(self, workers: int, *, time_limit: float) -> None:
        self.time_limit = time_limit
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._free.put(None)

    def read_clip(self, path: str | Path, **options: object) -> np.ndarray:
        """Return ``decoding.read_clip(path, **options)``, uint8 [T, S, S, 3], as a worker read it.

        Raises ValueError, naming the file, also where it takes longer than the time limit or ends the worker.
        """
        worker = self._free.get()
        try:
            if worker is None or not worker.is_alive():
                worker = _Worker()
            return worker.ask(Path(path), options, self.time_limit)
        finally:
            self._free.put(worker)

    def __enter__(self) -> DecodingPool:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        while not self._free.empty():
            worker = self._free.get()
            if worker is not None:
                worker.stop()


class _Worker:
    """One process, asked through its standard input. Fork would copy the threads' locks, spawn the caller's script."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "dst_robustness.sets.decoding_pool"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._requests, self._answers = cast(BinaryIO, self.process.stdin), cast(BinaryIO, self.process.stdout)
        _receive(self._answers)  # it says when its imports are done, which can take longer than a small limit

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, path: Path, options: dict[str, object], time_limit: float) -> np.ndarray:
        late = threading.Event()

        def kill() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(time_limit, kill)
        timer.start()
        try:
            _send(self._requests, (path, options))
            answer = _receive(self._answers)
        except (OSError, EOFError) as error:
            self.stop()
            reason = f"takes longer than {time_limit:g} s" if late.is_set() else "ends the process that decodes it"
            raise ValueError(f"{path}: {reason}; the file is damaged, or the time limit too short") from error
        finally:
            timer.cancel()
        if isinstance(answer, str):
            raise ValueError(answer)
        return answer

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self._requests, self._answers):
            with suppress(OSError):  # a request that the dead process never took
                pipe.close()


def _send(pipe: BinaryIO, message: object) -> None:
    pickle.dump(message, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _receive(pipe: BinaryIO) -> Any:
    try:
        return pickle.load(pipe)
    except pickle.UnpicklingError as error:
        raise EOFError from error


def _serve() -> None:
    """Answer requests on standard input until it is closed, which also happens when the asking process dies."""
    requests = sys.stdin.buffer
    # Native libraries print to standard output at will; the answers keep a channel of their own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import av  # it and decord are imported before the clock of the first file runs

    decord = load_decord()
    av.logging.set_level(av.logging.PANIC)
    decord.logging.set_level(decord.logging.QUIET)
    _send(answers, "ready")
    while True:
        try:
            path, options = _receive(requests)
        except EOFError:
            return
        try:
            answer: object = read_clip(path, **options)
        except Exception as error:  # whatever a library makes of a damaged file, one line must come back
            answer = str(error) if str(path) in str(error) else f"{path}: {error}"
        _send(answers, answer)


if __name__ == "__main__":
    _serve()
