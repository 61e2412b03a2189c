"""The log of a job: what it prints goes there, and what stops it is said in one line."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.jobs.freed_memory import keep_freed_memory
from dst_robustness.jobs.locks import TakenError, alone
from dst_robustness.jobs.shown import text_without_secrets


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Send the output of the block, that of compiled libraries and of ``logging`` included, to a log file.

    An error ends the process with status 1 after its message stands at the end of the log; the traceback comes before
    it unless the error is one of input (ValueError, OSError), which its message explains. A damaged file is set aside,
    so that the same command makes it anew. While the block runs no other process may log to the same place: a job that
    outlived a killed Snakemake is not joined by a second one. Memory that the process frees is kept for its next use.
    """
    keep_freed_memory()
    sys.stdout.flush()
    sys.stderr.flush()
    with _alone(Path(path)), open(path, "w", buffering=1, encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        handler = logging.StreamHandler()
        handler.setFormatter(_Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        logging.basicConfig(handlers=[handler], force=True)
        logging.getLogger("dst_robustness").setLevel(logging.INFO)
        try:
            yield
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception as error:
            with suppress(OSError):  # the disk under the log may be full
                _say(error)
            raise SystemExit(1) from None
        finally:
            _let_go()


class _Formatter(logging.Formatter):
    """Shows no secret of an address, whoever logs it: urllib3 warns with whole addresses."""

    def format(self, record: logging.LogRecord) -> str:
        return text_without_secrets(super().format(record))


def _say(error: Exception) -> None:
    if not isinstance(error, (ValueError, OSError)):
        print(text_without_secrets(traceback.format_exc()), end="", file=sys.stderr)
    print(text_without_secrets(f"{type(error).__name__}: {error}"), flush=True)
    if isinstance(error, DamagedFileError):
        aside = error.set_aside()
        print(f"It is now {aside}; run again" if aside else "Run again", "and it is made anew.", sep=", ", flush=True)


def _let_go() -> None:
    """Write out what was printed; what cannot be written must not fail once more when Python ends."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock beside the log, which Snakemake replaces for each attempt, or end the process with a line in it."""
    try:
        with alone(path, wait=False):
            yield
    except TakenError:
        with open(path, "a", encoding="utf-8") as log:
            log.write("another process is still at this job: wait until it ends, or end it, and run again\n")
        raise SystemExit(1) from None
