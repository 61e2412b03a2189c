"""Functions compiled by numba: once a machine, not once a process."""

from __future__ import annotations

from collections.abc import Callable

import numba


def compiled(function: Callable) -> Callable:
    """Compile for the CPU, without Python's lock, and keep the machine code on disk.

    numba stores it beside the source file or, where that is read-only, in the user's cache folder (``NUMBA_CACHE_DIR``
    overrides both). No relaxed floating point: the same bytes on every machine matter more than the last 10% of speed.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder of the three can be written: compile anew in each process
        return numba.njit(**options)(function)
