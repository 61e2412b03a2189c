"""From the files of all runs to the tables of the study: one row a cell, one row a method, one verdict."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dst_robustness.analysis.bootstrap import RESAMPLES, Estimate, average, hierarchical_bootstrap, possible_gains
from dst_robustness.analysis.curves import TOPOLOGY_COLUMNS, topology_curves, training_curves
from dst_robustness.analysis.robustness import error_metrics, run_metrics
from dst_robustness.analysis.run_files import check_numbers
from dst_robustness.analysis.runs import (
    BASELINE,
    ROW,
    RUN,
    ImageScores,
    StoredRun,
    complete_runs,
    image_scores,
    made_with,
)
from dst_robustness.analysis.verdict import Overall, holm, in_range, overall, verdict
from dst_robustness.analysis.words import BASELINE_ROW, UNDECIDED
from dst_robustness.jobs.files import DamagedFileError, atomic_path, write_text
from dst_robustness.jobs.shown import cells_without_formulas

CORRUPTION_COLUMNS = [*RUN, "corruption", "category", "severity", "accuracy"]
SUMMARY_COLUMNS = [
    *ROW, "seeds", "clean_accuracy", "robust_accuracy", "robust_accuracy_low", "robust_accuracy_high", "gain",
    "gain_low", "gain_high", "relative_gain", "mce", "parameters", "training_flops_ratio", "verdict",
]  # fmt: skip
FURTHER_COLUMNS = ["robust_accuracy_15", "p_value", "p_holm", "dynamic", "note"]
COSTS = (
    "parameters", "nonzero_parameters", "inference_flops", "inference_flops_ratio", "training_flops_ratio",
    "train_seconds", "images_per_second", "peak_memory_mb", "itop_rate",
)  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """All numbers of a study: the tables of ``write_summary`` and the overall verdict."""

    rows: pd.DataFrame
    cells: pd.DataFrame
    training: pd.DataFrame
    topology: pd.DataFrame
    missing: pd.DataFrame
    overall: Overall


@dataclass(frozen=True)
class _Loaded:
    run: StoredRun
    scores: ImageScores
    cells: pd.DataFrame
    description: dict[str, Any]


def write_summary(
    folders: Iterable[str | Path],
    tables: str | Path,
    *,
    resamples: int = RESAMPLES,
) -> Summary:
    """Summarise the runs of these folders and write the tables into a folder.

    Writes corruptions.csv, summary.csv, training.csv and topology.csv (histories and topology updates, means over
    seeds), missing.csv (runs that were expected and are not there), verdict.json, and made_with.json (devices and
    versions). Runs that are incomplete or answered on other test sets are listed as missing, not fatal.

    Args:
        folders: every expected run, ``.../{scenario}/{method}/{sparsity}/seed{seed}``, whether or not it exists.
        resamples: of the bootstrap.
    """
    folders = list(folders)
    summary = summarise(folders, resamples=resamples)
    files = {"summary": summary.rows, "corruptions": summary.cells, "training": summary.training}
    files |= {"topology": summary.topology, "missing": summary.missing}
    for name, table in files.items():
        with atomic_path(Path(tables) / f"{name}.csv") as partial:
            cells_without_formulas(table).to_csv(partial, index=False)
    # json has no NaN.
    values = {key: None if value != value else value for key, value in asdict(summary.overall).items()}
    write_text(Path(tables) / "verdict.json", json.dumps(values, indent=2) + "\n")
    write_text(Path(tables) / "made_with.json", json.dumps(made_with(folders), indent=2) + "\n")
    return summary


def summarise(folders: Iterable[str | Path], *, resamples: int = RESAMPLES) -> Summary:
    """Return the summary of the runs in these folders; see ``write_summary``."""
    runs, missing = complete_runs(folders)
    tables, cells, curves, topologies, pooled = [], [], [], [], []
    for _, members in groupby(runs, key=lambda run: run.scenario):
        loaded, misfits = _load(list(members))
        missing += misfits
        if not loaded:
            continue
        cells.append(_cells(loaded))
        rows, gain = _summarise_scenario(loaded, cells[-1], resamples)
        tables.append(rows)
        curves.append(training_curves(item.run for item in loaded))
        topologies.append(topology_curves(item.run for item in loaded))
        pooled += [gain] if gain else []
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=SUMMARY_COLUMNS + FURTHER_COLUMNS)
    further = [name for name in rows.columns if name not in SUMMARY_COLUMNS + FURTHER_COLUMNS]
    judged = rows[_is_judged(rows) & rows["gain"].notna()]
    return Summary(
        rows=rows[SUMMARY_COLUMNS + FURTHER_COLUMNS + further],
        cells=(pd.concat(cells, ignore_index=True) if cells else pd.DataFrame(columns=CORRUPTION_COLUMNS))[
            CORRUPTION_COLUMNS
        ],
        training=pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=[*ROW, "epoch"]),
        topology=pd.concat(topologies, ignore_index=True) if topologies else pd.DataFrame(columns=TOPOLOGY_COLUMNS),
        missing=pd.DataFrame([run.names | {"reason": reason} for run, reason in missing], columns=[*RUN, "reason"]),
        overall=overall(judged, average(pooled) if pooled else None),
    )


def _is_judged(rows: pd.DataFrame) -> pd.Series:
    return rows["dynamic"].astype(bool) & rows["sparsity"].map(in_range).astype(bool)


def _load(runs: list[StoredRun]) -> tuple[list[_Loaded], list[tuple[StoredRun, str]]]:
    """Read the runs of one scenario; leave out those that saw other images or corruptions than the first dense run."""
    runs = sorted(runs, key=lambda run: run.method != BASELINE)
    loaded: list[_Loaded] = []
    misfits = []
    for run in runs:
        try:
            item = _read(run)
        except DamagedFileError as error:
            aside = error.set_aside()
            misfits.append((run, f"{error}; it is now {aside.name}" if aside else str(error)))
            continue
        except ValueError as error:
            misfits.append((run, str(error)))
            continue
        first = loaded[0] if loaded else item
        if (item.scores.cells, item.scores.test_set) != (first.scores.cells, first.scores.test_set):
            misfits.append((run, f"evaluated on other test sets than {first.run}"))
            continue
        loaded.append(item)
    return loaded, misfits


def _read(run: StoredRun) -> _Loaded:
    """Read all files of a run that the tables are made of; DamagedFileError where one is not as it must be."""
    scores, cells, described = image_scores(run.folder / "predictions.h5"), run.metrics(), run.description()
    check_numbers(run.folder / "run.json", described, COSTS)
    if not isinstance(described.get("dst"), bool):
        raise DamagedFileError(run.folder / "run.json", "description of a run: it does not say whether it is DST")
    measured = {(row.corruption, row.severity) for row in cells.itertuples()}
    if not measured >= set(scores.cells):
        raise DamagedFileError(run.folder / "metrics.csv", "metrics: some of the cells of predictions.h5 are missing")
    run.history()
    run.topology()
    return _Loaded(run, scores, cells, described)


def _cells(loaded: list[_Loaded]) -> pd.DataFrame:
    """Put the cells of all runs below each other, each with the name of its run."""
    table = pd.concat([item.cells for item in loaded], ignore_index=True)
    lengths = [len(item.cells) for item in loaded]
    names = pd.DataFrame([item.run.names for item in loaded])
    return pd.concat([names.loc[names.index.repeat(lengths)].reset_index(drop=True), table], axis=1)


def _summarise_scenario(
    loaded: list[_Loaded], cells: pd.DataFrame, resamples: int
) -> tuple[pd.DataFrame, Estimate | None]:
    """Return the rows of one scenario, and its gain pooled over the DST rows in the hypothesis' range."""
    rows = _average_over_seeds(loaded, cells)
    dst = {item.run.method: item.description["dst"] for item in loaded}
    rows["dynamic"] = rows["method"].map(dst)
    scores = {(item.run.method, item.run.sparsity, item.run.seed): item.scores.scores for item in loaded}
    dense = {seed: score for (method, _, seed), score in scores.items() if method == BASELINE}
    own = [_stack(scores, row.method, row.sparsity) for row in rows.itertuples()]
    paired = [_gains(scores, dense, row.method, row.sparsity) for row in rows.itertuples()]
    pool = _pooled_gains([gains for gains, judged in zip(paired, _is_judged(rows), strict=True) if judged and gains])
    samples = [
        *own,
        *(np.stack(list(gains.values())) for gains in paired if gains),
        *([pool] if pool is not None else []),
    ]
    estimates = hierarchical_bootstrap(
        samples,
        resamples=resamples,
        images_seed=loaded[0].scores.test_set,
        seeds_seed=zlib.crc32(f"{loaded[0].run.dataset} {loaded[0].run.model}".encode()),
    )
    accuracies = [estimate.within(0, 1) for estimate in estimates[: len(own)]]
    rows[["robust_accuracy_low", "robust_accuracy_high"]] = [estimate.interval() for estimate in accuracies]
    baseline = [accuracy for accuracy, method in zip(accuracies, rows["method"], strict=True) if method == BASELINE]
    limits = possible_gains(baseline[0]) if baseline else (-1.0, 1.0)
    gains = (estimate.within(*limits) for estimate in estimates[len(own) :])
    _add_gains(rows, [next(gains) if pairs else None for pairs in paired], dense)
    return rows, next(gains, None)


def _stack(scores: Mapping[tuple, np.ndarray], method: str, sparsity: float) -> np.ndarray:
    return np.stack([score for key, score in scores.items() if key[:2] == (method, sparsity)])


def _gains(
    scores: Mapping[tuple, np.ndarray], dense: Mapping[int, np.ndarray], method: str, sparsity: float
) -> dict[int, np.ndarray]:
    """Return, by seed, how much more often a run recognised each image than the dense run of that seed."""
    if method == BASELINE:
        return {}
    return {
        seed: score - dense[seed]
        for (name, level, seed), score in scores.items()
        if (name, level) == (method, sparsity) and seed in dense
    }


def _pooled_gains(rows: list[dict[int, np.ndarray]]) -> np.ndarray | None:
    """Average the gains of several rows seed by seed: [S, N]."""
    seeds = sorted({seed for row in rows for seed in row})
    return np.stack([np.mean([row[seed] for row in rows if seed in row], axis=0) for seed in seeds]) if seeds else None


def _average_over_seeds(loaded: list[_Loaded], cells: pd.DataFrame) -> pd.DataFrame:
    names = pd.MultiIndex.from_frame(pd.DataFrame([item.run.names for item in loaded]))
    dense = pd.MultiIndex.from_tuples([(*key[:3], BASELINE, 0.0, key[5]) for key in names], names=RUN)
    costs = pd.DataFrame([{name: item.description.get(name) for name in COSTS} for item in loaded], names, dtype=float)
    errors = error_metrics(cells, RUN, dense, alexnet=loaded[0].run.dataset.startswith("imagenet"))
    runs = pd.concat([run_metrics(cells, RUN), errors, costs], axis=1)
    grouped = runs.groupby(ROW, sort=False)
    rows = grouped.mean()
    rows.insert(0, "seeds", grouped.size())
    spread = grouped[["clean_accuracy", "robust_accuracy"]].std().add_suffix("_std")
    return rows.join(spread).reset_index()


def _add_gains(rows: pd.DataFrame, gains: list[Estimate | None], dense: Mapping[int, np.ndarray]) -> None:
    rows["gain"] = [gain.value if gain else np.nan for gain in gains]
    rows[["gain_low", "gain_high"]] = [gain.interval() if gain else (np.nan, np.nan) for gain in gains]
    baseline = rows["method"] == BASELINE
    # Relative to the dense runs of the same seeds, which is robust accuracy minus gain where all seeds are paired.
    reference = float(np.mean([score.mean() for score in dense.values()])) if dense else np.nan
    rows["relative_gain"] = rows["gain"] / reference
    rows["p_value"] = [gain.p_value() if gain else np.nan for gain in gains]
    rows["p_holm"] = holm(rows["p_value"].to_numpy())
    rows["verdict"] = [verdict(gain, p) for gain, p in zip(rows["gain"], rows["p_holm"], strict=True)]
    rows.loc[baseline, "verdict"] = BASELINE_ROW
    rows.loc[baseline, ["gain", "relative_gain"]] = 0.0
    rows["note"] = [
        _note(row.method, row.seeds, gain, row.verdict) for row, gain in zip(rows.itertuples(), gains, strict=True)
    ]


def _note(method: str, seeds: int, gain: Estimate | None, word: str) -> str:
    notes = []
    if method != BASELINE and gain is None:
        notes.append("no dense run of the same seed")
    elif gain is not None and gain.seeds < seeds:
        notes.append(f"gain from {gain.seeds} of {seeds} seeds")
    if (gain.seeds if gain else seeds) == 1:
        notes.append("one seed: over images only")
    if gain is not None and word == UNDECIDED and np.prod(gain.interval()) > 0:
        notes.append("not after Holm's correction")
    return "; ".join(notes)
