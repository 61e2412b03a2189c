"""Watch work whose pace others decide, and give it up if it brings almost nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dst_robustness.datasets.addresses import AddressError


class _AbandonedError(Exception):
    """Ends the thread of work that was given up."""


class Progress:
    """How far a request has come, for the thread that watches it."""

    def __init__(self) -> None:
        self.bytes = 0
        self.steps = 0  # heads of answers
        self._lock = threading.Lock()
        self._is_abandoned = False

    @contextmanager
    def unless_abandoned(self) -> Iterator[None]:
        """Prevent abandoning the request while the block writes. If it was abandoned before, end the thread."""
        with self._lock:
            if self._is_abandoned:
                raise _AbandonedError
            yield

    def abandon(self) -> None:
        """Stop the request from writing anything more."""
        with self._lock:
            self._is_abandoned = True


def watched(work: Callable[[Progress], None], seconds: float, least_rate: float) -> None:
    """Do work in a thread, and give it up if it brings fewer than ``least_rate`` bytes per second over ``seconds``.

    Time-outs of sockets only count seconds without a byte. They do not notice an answer of one byte per second.

    Raises AddressError for work that is given up, and any error of the work.
    """
    progress = Progress()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work(progress)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            steps, before = progress.steps, progress.bytes
            thread.join(seconds + 0.1)  # the time-outs of sockets come first: their reasons are better
            here = progress.bytes - before
            if thread.is_alive() and progress.steps == steps and here < least_rate * seconds:
                raise AddressError(f"sent {here:,} bytes in {seconds:g} s, which is too slow", is_slow=True)
    finally:
        progress.abandon()
    if failed:
        raise failed[0]
