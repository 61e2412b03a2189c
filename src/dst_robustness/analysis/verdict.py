"""Does dynamic sparse training beat dense training? One verdict for each row, one sentence for the study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dst_robustness.analysis.bootstrap import LEVEL, Estimate
from dst_robustness.analysis.words import EQUIVALENT, FAILS, HOLDS, UNDECIDED, one_sided_error

SUPPORTED, CONTRADICTED = "supported", "contradicted"
FEW = 2  # so many seeds may agree by chance: their spread has one degree of freedom
HYPOTHESIS = (
    "The Dynamic Sparsity Corruption Robustness (DSCR) hypothesis, that Dynamic Sparse Training (DST) beats dense "
    "training under corruption,"
)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number (Holm 1979). NaN stays NaN and does not count."""
    from statsmodels.stats.multitest import multipletests  # not above: it takes longer to import than a figure to draw

    adjusted = np.full(len(p_values), np.nan)
    known = ~np.isnan(p_values)
    if known.any():
        adjusted[known] = multipletests(p_values[known], method="holm")[1]
    return adjusted


def corrected(
    differs: np.ndarray, equivalent: np.ndarray, level_of: float = 1 - LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Correct both kinds of p-values: at a level, the chance of any false verdict is at most that level.

    Holm's procedure runs over the rows of each kind. The kinds share the error as in ``one_sided_error``. With one row,
    a difference gets all of it and equivalence half. With several rows, they get two thirds and one third.

    Args:
        differs: two-sided p-values of a gain of zero; NaN for a row without a gain.
        equivalent: p-values of a gain at or beyond the margin.
    """
    side = one_sided_error(level_of, int((~np.isnan(differs)).sum()))
    kinds = (differs, level_of / (2 * side)), (equivalent, level_of / side)
    first, second = (np.minimum(1, factor * holm(values)) for values, factor in kinds)
    return first, second


def verdict(gain: float, p_differs: float, p_equivalent: float = np.nan, level: float = LEVEL) -> str:
    """Return the verdict on a row from its corrected p-values.

    It is ``holds`` for a gain above zero and ``fails`` for one below. Else it is ``equivalent`` for a gain within the
    margin, and ``undecided`` if chance can explain everything.
    """
    if np.isnan(gain):
        return UNDECIDED
    if p_differs < 1 - level:
        return HOLDS if gain > 0 else FAILS
    return EQUIVALENT if p_equivalent < 1 - level else UNDECIDED


@dataclass(frozen=True)
class Overall:
    """What the whole study says about the DSCR hypothesis: at 10-50% sparsity, DST beats dense under corruption.

    Attributes:
        answer: ``supported``, ``contradicted``, ``equivalent`` or ``undecided``.
        holds, fails, equivalent, undecided: number of rows (scenario x DST method x sparsity) with each verdict.
        scenarios: number of scenarios.
        seeds: of the pooled gain.
        looks: whether seeds were added until rows were decided, of which the pooled interval knows nothing.
        gain, gain_low, gain_high: pooled gain in robust accuracy [0, 1] with its interval; NaN if there are no rows.
        margin: the gain that matters, as a share.
        sentence: all of this in words.
    """

    answer: str
    holds: int
    fails: int
    equivalent: int
    undecided: int
    scenarios: int
    seeds: int
    looks: bool
    gain: float
    gain_low: float
    gain_high: float
    margin: float
    sentence: str


def overall(
    rows: pd.DataFrame, pooled: Estimate | None, every_row: pd.DataFrame, *, margin: float, looks: bool = False
) -> Overall:
    """Judge the hypothesis from the rows of DST methods in its range of sparsity, and from their pooled gain.

    The answer follows the pooled interval: above zero it is ``supported``, below ``contradicted``, within the margin
    ``equivalent``, else ``undecided``. The pooled interval does not know about looks, so a study with several looks is
    answered from its verdicts: it is supported if more rows hold than not and none fails. One seed answers nothing. Two
    seeds may agree by chance, so they answer nothing that no row says too.

    Args:
        rows: columns scenario, sparsity, verdict: one row per scenario x DST method x sparsity of the range.
        pooled: mean gain over the scenarios, each the mean over its rows.
        margin: the gain that matters, as a share.
        every_row: all rows of the study, for a study that says nothing about the hypothesis.
        looks: whether seeds were added until rows were decided.
    """
    counts = {word: int((rows["verdict"] == word).sum()) for word in (HOLDS, FAILS, EQUIVALENT, UNDECIDED)}
    scenarios = rows["scenario"].nunique()
    if pooled is None or rows.empty:
        nothing = {"gain": np.nan, "gain_low": np.nan, "gain_high": np.nan, "margin": margin}
        sentence = _without_hypothesis(every_row)
        return Overall(UNDECIDED, **counts, scenarios=0, seeds=0, looks=looks, **nothing, sentence=sentence)
    low, high = pooled.interval()
    alone = pooled.degrees <= 0
    answer = UNDECIDED if alone else _answer_of_words(counts) if looks else _answer(low, high, margin)
    said = {SUPPORTED: counts[HOLDS], CONTRADICTED: counts[FAILS]}
    by_chance = not alone and pooled.seeds <= FEW and not said.get(answer, 1)
    answer = UNDECIDED if by_chance else answer
    at = _at(rows["sparsity"])
    interval = f"{100 * pooled.value:+.2f} points, 95% interval {100 * low:+.2f} to {100 * high:+.2f}"
    data = "1 scenario" if scenarios == 1 else f"{scenarios} scenarios"
    if alone:
        sentence = _of_one_seed(low, high, at, f"{interval}, {data}")
    else:
        sentence = _of_seeds(
            answer, counts, at, f"{interval}{' if it had been looked at once' * looks}, {data}", margin
        )
        if by_chance:
            sentence += " Two seeds may agree by chance: without a row that says so their interval decides nothing."
        elif answer == UNDECIDED and not looks:
            seen = 100 * max(high - pooled.value, pooled.value - low)
            sentence += (
                f" With {pooled.seeds} seeds, a gain or loss below about {seen:.1f} points cannot be told from none."
            )
    return Overall(
        answer, **counts, scenarios=scenarios, seeds=pooled.seeds, looks=looks, gain=pooled.value, gain_low=low,
        gain_high=high, margin=margin, sentence=sentence,
    )  # fmt: skip


def _answer(low: float, high: float, margin: float) -> str:
    if low > 0 or high < 0:
        return SUPPORTED if low > 0 else CONTRADICTED
    return EQUIVALENT if -margin < low and high < margin else UNDECIDED


def _answer_of_words(counts: dict[str, int]) -> str:
    rows = sum(counts.values())
    for word, answer in ((HOLDS, SUPPORTED), (FAILS, CONTRADICTED), (EQUIVALENT, EQUIVALENT)):
        against = counts[FAILS] + counts[HOLDS] - (counts[word] if word != EQUIVALENT else 0)
        if 2 * counts[word] > rows and not against:
            return answer
    return UNDECIDED


def _at(sparsities: pd.Series) -> str:
    levels = [f"{100 * level:.3g}%" for level in sorted(set(sparsities))]
    return f"at {' and '.join([', '.join(levels[:-1]), levels[-1]] if len(levels) > 1 else levels)} sparsity"


def _of_seeds(answer: str, counts: dict[str, int], at: str, numbers: str, margin: float) -> str:
    points = f"{100 * margin:g} points"
    of = f"{counts[HOLDS]} of {sum(counts.values())} comparisons"
    claim = {
        SUPPORTED: f"is supported {at}",
        CONTRADICTED: f"is contradicted {at}: DST is worse",
        EQUIVALENT: f"makes no difference that matters {at}: the two differ by less than {points}",
        UNDECIDED: f"is undecided {at}: DST and dense training cannot be told apart",
    }[answer]
    return (
        f"{HYPOTHESIS} {claim} (pooled gain {numbers}). It holds in {of}, fails in {counts[FAILS]}, is equivalent "
        f"(within {points}) in {counts[EQUIVALENT]} and is undecided in {counts[UNDECIDED]}."
    )


def _of_one_seed(low: float, high: float, at: str, numbers: str) -> str:
    which = "more" if low > 0 else "fewer"
    found = (
        f"the networks of Dynamic Sparse Training (DST) recognise {which} corrupted images than the dense networks"
        if low > 0 or high < 0
        else "the networks of Dynamic Sparse Training (DST) and the dense networks cannot be told apart"
    )
    return (
        f"One seed only: this speaks of these trained networks, not of the methods. {at[0].upper()}{at[1:]}, {found} "
        f"under corruption (pooled gain {numbers}; over test images)."
    )


def _without_hypothesis(rows: pd.DataFrame) -> str:
    """Return the sentence for a study that compares no DST run with its baseline."""
    if rows.empty:
        return "No run is complete yet."
    why = (
        "its runs of Dynamic Sparse Training (DST) have no baseline run of the same seed at 10-50% sparsity"
        if rows["dynamic"].astype(bool).any()
        else "it has no run of Dynamic Sparse Training (DST)"
    )
    best = rows.loc[rows["robust_accuracy"].idxmax()]
    robust = " to ".join(f"{100 * best[name]:.1f}" for name in ("robust_accuracy_low", "robust_accuracy_high"))
    if not rows["trained_here"].any():
        return _of_networks(rows, best, robust)
    rest = f"the most robust of its {len(rows)} rows is" if len(rows) > 1 else "its only row is"
    seeds = "; 1 seed, so this is over test images only" if best["seeds"] == 1 else f"; {best['seeds']} seeds"
    return (
        f"This study says nothing about the Dynamic Sparsity Corruption Robustness (DSCR) hypothesis: {why}. Under "
        f"corruption, {rest} {best['method']} at {100 * best['sparsity']:g}% sparsity on {best['scenario']}, with "
        f"{100 * best['robust_accuracy']:.1f}% robust accuracy (95% interval {robust}{seeds})."
    )


def _of_networks(rows: pd.DataFrame, best: pd.Series, robust: str) -> str:
    """Return the sentence for a study that tests networks from elsewhere and trains none."""
    several = f"the most robust of the {len(rows)} networks is {best['method']}, with"
    which = several if len(rows) > 1 else f"{best['method']} has"
    seeds = "over test images, so of these networks only" if best["seeds"] == 1 else f"{best['seeds']} seeds"
    sentence = (
        f"Under corruption, {which} {100 * best['robust_accuracy']:.1f}% robust accuracy on {best['dataset']} (95% "
        f"interval {robust}; {seeds})."
    )
    if pd.isna(best["gain_low"]):  # nothing to compare with, or all others are compared with it
        return sentence
    gain = [f"{100 * best[name]:+.2f}" for name in ("gain", "gain_low", "gain_high")]
    return f"{sentence} That is {gain[0]} points beside {best['scenario']} (95% interval {gain[1]} to {gain[2]})."
