"""Read NumPy files that are not trusted: no code runs, and no more memory is used than they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def map_array(path: Path) -> np.ndarray:
    """Return the array in a ``.npy`` file. Its parts are read when they are used.

    Raises ValueError, which names the file, if it is missing, holds Python objects, or holds less than its header
    claims.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, OverflowError, EOFError) as error:
        raise ValueError(f"cannot read {path}: missing or not a NumPy array") from error
    if array.ndim == 0:
        raise ValueError(f"{path} holds a single value, expected an array")
    return array
