"""Learning-rate schedules: functions of the progress of training."""

from __future__ import annotations

import math


def learning_rate(step: int, total_steps: int, *, peak: float, schedule: str = "step", warmup_steps: int = 0) -> float:
    """Return the learning rate of optimiser step ``step`` (from 0).

    ``step`` multiplies the peak by 0.1 at 1/2 of the training and again at 3/4. ``cosine`` anneals it to 0 (Loshchilov
    & Hutter 2017, eq. 5, without restarts). ``constant`` keeps it. A linear warm-up may come first.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if schedule == "step":
        return peak * 0.1 ** ((2 * step >= total_steps) + (4 * step >= 3 * total_steps))
    if schedule == "cosine":
        progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return peak * 0.5 * (1 + math.cos(math.pi * progress))
    if schedule == "constant":
        return peak
    raise ValueError(f"unknown schedule '{schedule}'. Allowed: step, cosine, constant")
