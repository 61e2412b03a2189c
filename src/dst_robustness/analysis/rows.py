"""The rows of the summary: for each method and sparsity of a scenario, its numbers and their intervals."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dst_robustness.analysis.bootstrap import (
    Estimate,
    hierarchical_bootstrap,
    mean_interval,
    possible_gains,
    standard_errors,
)
from dst_robustness.analysis.effective import Answers, effective_robustness
from dst_robustness.analysis.loading import CONTRASTS, ERRORS, LoadedRun, RowKey, ScenarioRuns
from dst_robustness.analysis.networks import network_table
from dst_robustness.analysis.robustness import benchmark_or_all
from dst_robustness.analysis.runs import ROW
from dst_robustness.analysis.verdict import corrected, verdict
from dst_robustness.analysis.words import BASELINE_ROW, HOLDS, UNCORRECTED, UNDECIDED, in_range
from dst_robustness.sparsity import METHODS

# If the denominator of a ratio is fewer standard errors than this from zero, the ratio is noise (Fieller 1954).
CLEAR_OF_ZERO = 3
ELSEWHERE = "weights_sha256"  # in run.json of networks that were trained elsewhere


@dataclass(frozen=True)
class ScenarioRows:
    """The rows of one scenario.

    Attributes:
        table: the rows.
        networks: the networks one by one; see ``network_table``.
        gains: for each row how much more often it recognised each image than the baseline did, [seeds, N] or None.
        pooled: the mean gain of the rows that the hypothesis is about; None if there are none.
    """

    table: pd.DataFrame
    networks: pd.DataFrame
    gains: list[np.ndarray | None]
    pooled: Estimate | None


def scenario_rows(runs: ScenarioRuns, cells: pd.DataFrame, *, margin: float, resamples: int) -> ScenarioRows:
    """Return the rows of one scenario.

    Args:
        runs: the runs of one scenario.
        cells: the cells of all runs, each with the name of its run.
        margin: the gain that matters, as a share.
        resamples: number of resamples of the bootstrap.
    """
    networks = network_table(runs, cells)
    table = _averages(networks)
    keys: list[RowKey] = list(zip(table["method"], table["sparsity"], strict=True))
    described = [next(iter(runs.runs[key].values())).description for key in keys]
    table["dynamic"] = [one["dst"] for one in described]
    table["trained_here"] = [ELSEWHERE not in one for one in described]
    table["at_chance"] = [sum(run.at_chance for run in runs.runs[key].values()) for key in keys]
    pairs = [runs.pairs(key, runs.reference(key)) for key in keys]
    gains = [np.stack([run.scores - other.scores for run, other in pair]) if pair else None for pair in pairs]
    judged = table["dynamic"].astype(bool) & table["sparsity"].map(in_range).astype(bool)
    pool = _pool([pair for pair, counts in zip(pairs, judged, strict=True) if counts])
    own = [np.stack([run.scores for run in runs.runs[key].values()]) for key in keys]
    samples = [*own, *(gain for gain in gains if gain is not None), *([pool] if pool is not None else [])]
    estimates = hierarchical_bootstrap(
        samples,
        resamples=resamples,
        images_seed=runs.test_set,
        seeds_seed=zlib.crc32(runs.loaded[0].run.scenario.encode()),
    )
    accuracies = dict(zip(keys, (estimate.within(0, 1) for estimate in estimates[: len(own)]), strict=True))
    table[["robust_accuracy_low", "robust_accuracy_high"]] = [accuracies[key].interval() for key in keys]
    rest = iter(estimates[len(own) :])
    limits = {key: possible_gains(accuracies[key]) for key in keys if key[0] == runs.baseline}
    bounded = [
        next(rest).within(*limits[runs.reference(key)]) if gain is not None else None  # type: ignore[index]
        for key, gain in zip(keys, gains, strict=True)
    ]
    _add_gains(table, bounded, [_mean([other.scores for _, other in pair]) for pair in pairs], margin)
    _add_contrasts(table, keys, pairs)
    _add_effective(table, keys, runs)
    baseline = table["method"] == runs.baseline
    table.loc[baseline, "verdict"] = BASELINE_ROW
    table.loc[baseline, ["gain", "relative_gain"]] = 0.0
    table["note"] = [
        "; ".join(_notes(line, gain, runs.baseline, margin))
        for line, gain in zip(table.itertuples(), bounded, strict=True)
    ]
    _leave_out_noise(table, keys, runs)
    pooled = next(rest, None)
    if pooled is not None:
        counted = [key for key, counts, pair in zip(keys, judged, pairs, strict=True) if counts and pair]
        pooled = pooled.within(*np.mean([limits[runs.reference(key)] for key in counted], axis=0))  # type: ignore[index]
    return ScenarioRows(table, networks.reset_index(), gains, pooled)


def _mean(scores: Sequence[np.ndarray]) -> float:
    return float(np.mean([score.mean(dtype=np.float64) for score in scores])) if scores else np.nan


def _pool(rows: Sequence[Sequence[tuple[LoadedRun, LoadedRun]]]) -> np.ndarray | None:
    """Return the mean gain of several rows for each seed and image, [S, N]."""
    by_seed: dict[int, list[np.ndarray]] = {}
    for pairs in rows:
        for run, other in pairs:
            by_seed.setdefault(run.run.seed, []).append(run.scores - other.scores)
    return np.stack([np.mean(by_seed[seed], axis=0) for seed in sorted(by_seed)]) if by_seed else None


def _averages(networks: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds of the numbers without an interval."""
    grouped = networks.groupby(ROW, sort=False)
    table = grouped.mean()
    table.insert(0, "seeds", grouped.size())
    spread = grouped[["clean_accuracy", "robust_accuracy"]].std().add_suffix("_std")
    return table.join(spread).reset_index()


def _add_gains(table: pd.DataFrame, gains: Sequence[Estimate | None], references: list[float], margin: float) -> None:
    table["gain"] = [gain.value if gain else np.nan for gain in gains]
    table[["gain_low", "gain_high"]] = [gain.interval() if gain else (np.nan, np.nan) for gain in gains]
    table["relative_gain"] = table["gain"] / references
    table["p_value"] = [gain.p_value() if gain else np.nan for gain in gains]
    # One seed says nothing about other trainings, so it gets no verdict. Networks from elsewhere are not said to speak
    # for others.
    judged = ~table["trained_here"] | np.array([gain is not None and gain.degrees > 0 for gain in gains])
    equivalent = np.array([gain.p_equivalent(margin) if gain else np.nan for gain in gains])
    differs, within = corrected(
        np.where(judged, table["p_value"], np.nan), np.where(judged, equivalent, np.nan), level_of=0.05
    )
    table["p_holm"], table["p_equivalent"], table["margin"] = differs, within, margin
    table["verdict"] = [verdict(*row) for row in zip(table["gain"], differs, within, strict=True)]


def _add_contrasts(
    table: pd.DataFrame, keys: Sequence[RowKey], pairs: Sequence[Sequence[tuple[LoadedRun, LoadedRun]]]
) -> None:
    """Add the contrasts between kinds of corruption, and the intervals of both corruption errors."""
    for name in CONTRASTS:
        found = [
            mean_interval(np.stack([run.parts[name] - other.parts[name] for run, other in pair]))
            if pair and all(name in run.parts for run, _ in pair)
            else (np.nan,) * 3
            for pair in pairs
        ]
        table[[name, f"{name}_low", f"{name}_high"]] = found
    for name in ERRORS:
        found = [
            mean_interval(np.stack([run.parts[name] for run, _ in pair]))[1:]
            if pair and all(name in run.parts for run, _ in pair)
            else (np.nan,) * 2
            for pair in pairs
        ]
        table[[f"{name}_low", f"{name}_high"]] = found


def _add_effective(table: pd.DataFrame, keys: Sequence[RowKey], runs: ScenarioRuns) -> None:
    """Add effective robustness to all rows except the dense networks that the line is fitted to."""
    dense = [key for key in keys if key[0] in METHODS and not METHODS[key[0]].masks]
    points = [answers for key in dense if (answers := _answers(runs, key))]
    names = ["effective_robustness", "effective_robustness_low", "effective_robustness_high"]
    found = [
        None if key in dense or (own := _answers(runs, key)) is None else effective_robustness(own, points)
        for key in keys
    ]
    table[names] = [values or (np.nan,) * 3 for values in found]


def _answers(runs: ScenarioRuns, key: RowKey) -> Answers | None:
    own = list(runs.runs[key].values())
    if any(run.clean is None for run in own):
        return None
    return Answers(np.stack([run.clean for run in own]), np.stack([run.scores for run in own]))


def _notes(line, gain: Estimate | None, baseline: str, margin: float) -> list[str]:
    notes = []
    if line.method != baseline and gain is None:
        notes.append(f"no {baseline} {'run' if line.trained_here else 'network'} of the same seed")
    elif gain is not None and gain.seeds < line.seeds:
        notes.append(f"gain from {gain.seeds} of {line.seeds} seeds")
    single = (gain.seeds if gain else line.seeds) == 1
    if single:
        notes.append(
            "one seed: over images only"
            if line.trained_here
            else "over images only: speaks of these networks, not of a method"
        )
    if (
        gain is not None
        and line.verdict == UNDECIDED
        and np.prod(gain.interval()) > 0
        and not (single and line.trained_here)
    ):
        notes.append(UNCORRECTED)
    if gain is not None and line.verdict == HOLDS and gain.interval()[1] < margin:
        notes.append(f"smaller than the margin of {100 * margin:g} points")
    return notes


def _leave_out_noise(table: pd.DataFrame, keys: Sequence[RowKey], runs: ScenarioRuns) -> None:
    """Remove corruption errors whose denominator may be due to chance, and say so in the note."""
    noisy = {key: _noisy(list(members.values()), runs) for key, members in runs.runs.items() if key[0] == runs.baseline}
    for index, key in enumerate(keys):
        for name, corruptions in noisy.get(runs.reference(key) or key, {}).items():
            if corruptions and key[0] != runs.baseline:
                table.loc[index, [name, f"{name}_low", f"{name}_high"]] = np.nan
                error = name.replace("_", " ").replace("mce", "mCE")
                reason = f"{error} left out: {runs.baseline} loses too little under {corruptions[0]}"
                table.loc[index, "note"] = "; ".join(filter(None, [table.loc[index, "note"], reason]))


def _noisy(baseline: Sequence[LoadedRun], runs: ScenarioRuns) -> dict[str, list[str]]:
    """Return for each corruption error the corruptions under which the baseline's loss may be zero."""
    found: dict[str, list[str]] = {name: [] for name in ERRORS}
    for place in benchmark_or_all(runs.corruptions):
        errors = np.stack([1 - run.by_corruption[place] for run in baseline])  # type: ignore[index]
        losses = {"mce": errors}
        if all(run.clean is not None for run in baseline):
            losses["relative_mce"] = errors - np.stack([1 - run.clean for run in baseline])
        for name, loss in losses.items():
            if loss.mean() < CLEAR_OF_ZERO * np.hypot(*standard_errors(loss)):
                found[name].append(runs.corruptions[place])
    return found
