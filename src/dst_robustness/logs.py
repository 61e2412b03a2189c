"""The log of a job: what it prints goes there, and what stops it is said in one line."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Send the output of the block, that of compiled libraries included, to a log file.

    An error ends the process with status 1 after its message stands at the end of the log; the traceback comes before
    it unless the error is one of input (ValueError, OSError), which its message explains.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with open(path, "w", buffering=1, encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
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
