"""Functions compiled by numba, once per machine: not in every process, nor in every clone."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numba
from numba.core.caching import CompileResultCacheImpl

SOURCES = Path(__file__).resolve().parent


def compiled(function: Callable) -> Callable:
    """Compile for the CPU, without Python's lock, and keep the machine code in ``cache_folder()``.

    No relaxed floating point: the same bytes on every machine matter more than the last 10% of speed. Copy arrays
    element by element: one assignment of an array to another takes numba up to five seconds, for its error message.
    """
    options = {"nogil": True, "error_model": "numpy"}
    return numba.njit(cache=cache_folder() is not None, **options)(function)


@cache
def cache_folder() -> Path | None:
    """Return a writable folder for the machine code of exactly these sources, None where there is none.

    It is in ``NUMBA_CACHE_DIR`` if that is set, else in the user's cache, so that all clones on a machine share it.
    If neither can be written, it is beside the sources.

    numba notices an edit of the file that a function is in, but not of the functions that it calls. So each state of
    the sources has its own folder, and so has each version of numba. Older folders stay, since another process may
    still read them.
    """
    # A user without an account and without HOME has no such folder.
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    user_cache = [Path(cache) / "dst_robustness"] if os.path.isabs(cache) else []
    chosen = numba.config.CACHE_DIR
    for place in [Path(chosen)] if chosen else [*user_cache, SOURCES / "__pycache__"]:
        folder = place / f"numba-{numba.__version__}-{source_digest(SOURCES)}"
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


class _Locator:
    """Tells numba where to keep the machine code of this package. numba's own folders are named by the clone's path."""

    def __init__(self, py_func: Callable, py_file: str) -> None:
        self.line, self.path = (
            py_func.__code__.co_firstlineno,
            cache_folder() / Path(py_file).resolve().parent.relative_to(SOURCES),
        )

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> _Locator | None:
        """Return where a function's code is kept, None for functions of other packages."""
        return cls(py_func, py_file) if SOURCES in Path(py_file).resolve().parents else None

    def ensure_cache_path(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(self.path)

    def get_source_stamp(self) -> str:
        """Return nothing: the folder already stands for one state of the sources."""
        return ""

    def get_disambiguator(self) -> str:
        return str(self.line)


CompileResultCacheImpl._locator_classes = [_Locator, *CompileResultCacheImpl._locator_classes]
