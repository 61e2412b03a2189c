"""Streams of random numbers: one for each seed and each thing that is drawn."""

from __future__ import annotations

import numpy as np


def stream(seed: int, *place: int) -> int:
    """Return the seed of a torch generator, below 2**63, that depends on the seed of a run and on a place in it.

    A place is any numbers from 0 up, as (epoch, step, process). The bits are hashed, since generators on the CPU take
    the lower 32 of them alone: seeds that were shifted or added up would give every run the same data order.
    """
    return int(np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0]) >> 1
