"""Keep freed memory for the next batch instead of giving it back to the system."""

from __future__ import annotations

import ctypes

# From malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST_THRESHOLD = 32 << 20  # bytes, the most that glibc accepts


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees. Return whether the C library can do so (glibc can).

    A small network frees and allocates its tensors in every step. By default glibc returns large ones to the system at
    once, and the system clears each page before its next use. Call this before memory is allocated.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl, macOS
        return False
    wishes = ((_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
    taken = [bool(mallopt(option, value)) for option, value in wishes]
    return all(taken)
