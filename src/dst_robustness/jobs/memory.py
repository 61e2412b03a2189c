"""A limit on the memory that a job may use for data that it does not trust."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ONE_AT_A_TIME = threading.RLock()  # the limit holds for the whole process


@contextmanager
def bounded_memory(extra: int) -> Iterator[None]:
    """Limit the block, and programs that it starts, to this many bytes of address space beyond those in use.

    If the block needs more, it fails with MemoryError before the machine runs short. Only Linux says how much is in
    use; on other systems there is no limit.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        yield
        return
    with _ONE_AT_A_TIME:
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = pages * os.sysconf("SC_PAGE_SIZE") + extra
        limits = [limit for limit in (wanted, soft, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
