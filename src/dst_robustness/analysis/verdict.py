"""Does dynamic sparse training beat dense training? One word for each row, one sentence for the study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from dst_robustness.analysis.bootstrap import LEVEL, Estimate
from dst_robustness.analysis.words import FAILS, HOLDS, UNDECIDED

# The range of sparsity for which the paper states the hypothesis.
LOWEST, HIGHEST = 0.1, 0.5


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number after Holm (1979); NaN stays NaN and does not count."""
    adjusted = np.full(len(p_values), np.nan)
    known = ~np.isnan(p_values)
    if known.any():
        adjusted[known] = multipletests(p_values[known], method="holm")[1]
    return adjusted


def verdict(gain: float, p_adjusted: float, level: float = LEVEL) -> str:
    """Return ``holds`` for a gain above zero, ``fails`` for one below, ``undecided`` where chance explains it."""
    if np.isnan(gain) or not p_adjusted < 1 - level:
        return UNDECIDED
    return HOLDS if gain > 0 else FAILS


def in_range(sparsity: float) -> bool:
    """Whether the hypothesis speaks of this sparsity: 0.1 to 0.5."""
    return LOWEST - 1e-9 <= sparsity <= HIGHEST + 1e-9


@dataclass(frozen=True)
class Overall:
    """What the whole study says about the DSCR hypothesis: at 10-50% sparsity, DST beats dense under corruption.

    Attributes:
        answer: ``supported``, ``contradicted`` or ``undecided``.
        holds, fails, undecided: how many rows (dataset x model x DST method x sparsity) have which verdict.
        scenarios: number of dataset x model pairs.
        gain, gain_low, gain_high: pooled gain in robust accuracy [0, 1] with its interval; NaN without any row.
        sentence: all of this in words.
    """

    answer: str
    holds: int
    fails: int
    undecided: int
    scenarios: int
    gain: float
    gain_low: float
    gain_high: float
    sentence: str


def overall(rows: pd.DataFrame, pooled: Estimate | None) -> Overall:
    """Judge the hypothesis from the rows of DST methods in its range of sparsity and their pooled gain.

    The answer follows the pooled interval: above zero ``supported``, below ``contradicted``, else ``undecided``.

    Args:
        rows: columns scenario, verdict: one row per scenario x DST method x sparsity of the range.
        pooled: mean gain over the scenarios, each the mean over its rows.
    """
    counts = {name: int((rows["verdict"] == name).sum()) for name in (HOLDS, FAILS, UNDECIDED)}
    scenarios = len(rows[["scenario"]].drop_duplicates())
    if pooled is None or rows.empty:
        sentence = (
            "The DSCR hypothesis cannot be judged: no pair of a dense and a DST run at 10-50% sparsity is complete."
        )
        return Overall(
            UNDECIDED, **counts, scenarios=0, gain=np.nan, gain_low=np.nan, gain_high=np.nan, sentence=sentence
        )
    low, high = pooled.interval()
    answer = "supported" if low > 0 else "contradicted" if high < 0 else "undecided"
    return Overall(
        answer, **counts, scenarios=scenarios, gain=pooled.value, gain_low=low, gain_high=high,
        sentence=_sentence(answer, counts, scenarios, pooled, low, high),
    )  # fmt: skip


def _sentence(answer: str, counts: dict[str, int], scenarios: int, pooled: Estimate, low: float, high: float) -> str:
    at = "at 10-50% sparsity"
    claim = {
        "supported": f"supported: {at} DST beats dense training under corruption",
        "contradicted": f"contradicted: {at} DST is worse than dense training under corruption",
        "undecided": f"undecided: {at} DST and dense training cannot be told apart under corruption",
    }[answer]
    interval = f"95% interval {100 * low:+.2f} to {100 * high:+.2f}"
    data = "1 scenario" if scenarios == 1 else f"{scenarios} scenarios"
    text = (
        f"The DSCR hypothesis is {claim} (pooled gain {100 * pooled.value:+.2f} points, {interval}, {data}). "
        f"It holds in {counts[HOLDS]} of {sum(counts.values())} comparisons, fails in {counts[FAILS]} "
        f"and is undecided in {counts[UNDECIDED]}."
    )
    if pooled.degrees <= 0:
        text += " One seed only: this speaks of the trained networks, not of the methods."
    elif answer == "undecided":
        seen = 100 * max(high - pooled.value, pooled.value - low)
        seeds = "1 seed" if pooled.seeds == 1 else f"{pooled.seeds} seeds"
        text += f" With {seeds}, a gain or loss below about {seen:.1f} points cannot be told from none."
    return text
