"""The log of a job: what it prints goes there, and what stops it is said in one line."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Send the output of the block, that of compiled libraries and of ``logging`` included, to a log file.

    An error ends the process with status 1 after its message stands at the end of the log; the traceback comes before
    it unless the error is one of input (ValueError, OSError), which its message explains. While the block runs no other
    process may log to the same file: a job that outlived a killed Snakemake is not joined by a second one.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with open(path, "a", buffering=1, encoding="utf-8") as log:
        _lock(log)
        log.truncate(0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True)
        logging.getLogger("dst_robustness").setLevel(logging.INFO)
        try:
            yield
        except Exception as error:
            if not isinstance(error, (ValueError, OSError)):
                traceback.print_exc()
            print(f"{type(error).__name__}: {error}", flush=True)
            raise SystemExit(1) from None
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _lock(log: TextIO) -> None:
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.write("another process is still at this job: wait until it ends, or end it, and run again\n")
        raise SystemExit(1) from None
    except OSError:  # a file system without locks
        pass
