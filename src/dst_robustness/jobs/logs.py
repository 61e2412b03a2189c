"""The log of a job. It holds everything that the job prints, and ends with the error that stopped it."""

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

OURS = "dst_robustness"  # the name of the loggers of this package begins so
MARK = "warning: "  # before a warning in a log, after the time


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Send the output of the block to a log file, including that of compiled libraries and of ``logging``.

    An error ends the process with status 1, and its message is the end of the log. The traceback comes before it,
    unless the error is a ValueError or OSError: these come from the input, and their message explains them. A damaged
    file is renamed, so that the same command makes it anew.

    While the block runs, no other process may write the same log. So a second Snakemake cannot repeat a job that has
    outlived the first one. The process also keeps the memory that it frees for later use.
    """
    keep_freed_memory()
    sys.stdout.flush()
    sys.stderr.flush()
    with _alone(Path(path)), open(path, "w", buffering=1, encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        handler = logging.StreamHandler()
        handler.setFormatter(_Formatter("%(asctime)s %(mark)s%(message)s", datefmt="%H:%M:%S"))
        logging.basicConfig(handlers=[handler], force=True)
        logging.getLogger(OURS).setLevel(logging.INFO)
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
    """Marks warnings, and hides the secrets in addresses. urllib3, for example, warns with whole addresses."""

    def format(self, record: logging.LogRecord) -> str:
        record.mark = MARK if record.levelno >= logging.WARNING and record.name.startswith(OURS) else ""
        return text_without_secrets(super().format(record))


def warnings_in(log: Path) -> list[str]:
    """Return the warnings in the log of a job, each once; none if there is no log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
    marked = (line.partition(f" {MARK}") for line in lines)
    return list(dict.fromkeys(text for time, _, text in marked if text and len(time) == len("12:34:56")))


def _say(error: Exception) -> None:
    if not isinstance(error, (ValueError, OSError)):
        print(text_without_secrets(traceback.format_exc()), end="", file=sys.stderr)
    print(text_without_secrets(f"{type(error).__name__}: {error}"), flush=True)
    if isinstance(error, DamagedFileError):
        aside = error.set_aside()
        print(f"It is now {aside}; run again" if aside else "Run again", "and it is made anew.", sep=", ", flush=True)


def _let_go() -> None:
    """Write out what was printed. If that fails, it must not fail again when Python ends."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock beside the log, since Snakemake replaces the log itself for each attempt.

    If another process holds it, end this one with a line in the log.
    """
    try:
        with alone(path, wait=False):
            yield
    except TakenError:
        with open(path, "a", encoding="utf-8") as log:
            log.write("another process is still doing this job: wait until it ends, or end it, and run again\n")
        raise SystemExit(1) from None
