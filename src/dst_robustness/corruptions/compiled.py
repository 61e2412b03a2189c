"""Functions compiled by numba: once a machine, not once a process."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numba


def compiled(function: Callable) -> Callable:
    """Compile for the CPU, without Python's lock, and keep the machine code in ``cache_folder()``.

    No relaxed floating point: the same bytes on every machine matter more than the last 10% of speed.
    """
    options = {"nogil": True, "error_model": "numpy"}
    folder = cache_folder()
    if folder is None:  # nothing can be written: compile anew in each process
        return numba.njit(**options)(function)
    chosen, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        return numba.njit(cache=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = chosen


@cache
def cache_folder() -> Path | None:
    """Return a writable folder for the machine code of these very sources, None where there is none.

    numba notices an edit of the file that a function is in, but not of the functions that it calls; hence a folder for
    each state of the sources. Those of former states stay, as another process may still be reading them. It lies in
    ``NUMBA_CACHE_DIR`` if that is set, else beside the sources or, where they are read-only, in the user's cache.
    """
    sources = Path(__file__).parent
    # A user without an account and without HOME has no such folder.
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    user_cache = [Path(cache) / "dst_robustness"] if os.path.isabs(cache) else []
    chosen = numba.config.CACHE_DIR
    for place in [Path(chosen)] if chosen else [sources / "__pycache__", *user_cache]:
        folder = place / f"numba-{source_digest(sources)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    return None


def source_digest(folder: Path) -> str:
    """Return a hash of the names and contents of all Python files in a folder and below."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
