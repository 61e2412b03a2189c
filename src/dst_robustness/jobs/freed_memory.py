"""How the C library keeps memory that was freed: for the next batch, instead of giving it back to the system."""

from __future__ import annotations

import ctypes

# From malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST_THRESHOLD = 32 << 20  # bytes; glibc takes no more


def keep_freed_memory() -> bool:
    """Have this process keep what it frees; return whether the C library can be told so (glibc can).

    The tensors of a small network are freed and taken again in every step. By default glibc returns large ones to the
    system at once, and each page is cleared anew when it is next touched. Call it before memory is taken.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl, macOS
        return False
    wishes = ((_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
    taken = [bool(mallopt(option, value)) for option, value in wishes]
    return all(taken)
