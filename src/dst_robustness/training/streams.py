"""Streams of random numbers: one for each seed and each purpose."""

from __future__ import annotations

import numpy as np


def stream(seed: int, *place: int) -> int:
    """Return the seed of a torch generator, below 2**63, that depends on the seed of a run and on a place in it.

    A place is a few numbers from 0 up, such as (epoch, step, process). The bits are hashed, since generators on the CPU
    use only the lower 32. With seeds that are shifted and added, every run would have the same order of the data.
    """
    return int(np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0]) >> 1
