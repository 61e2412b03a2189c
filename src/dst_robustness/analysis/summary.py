"""From the files of all runs to the tables of the study: one row per cell, one row per method, one verdict."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dst_robustness.analysis.attribution import ATTRIBUTION_COLUMNS, attribute_rows
from dst_robustness.analysis.bootstrap import RESAMPLES, average
from dst_robustness.analysis.curves import TOPOLOGY_COLUMNS, topology_curves, training_curves
from dst_robustness.analysis.loading import LoadedRun, load_scenario
from dst_robustness.analysis.looks import MARGIN, Decision, Evidence, Looks, check_margin, decide, evidence
from dst_robustness.analysis.rows import ScenarioRows, scenario_rows
from dst_robustness.analysis.runs import BASELINE, ROW, RUN, complete_runs, made_with
from dst_robustness.analysis.shifts import beside, shift_table
from dst_robustness.analysis.verdict import Overall, overall
from dst_robustness.analysis.words import HOLDS, UNCORRECTED, UNDECIDED, in_range
from dst_robustness.jobs.files import atomic_path, write_text
from dst_robustness.jobs.shown import cells_without_formulas

CORRUPTION_COLUMNS = [*RUN, "corruption", "category", "severity", "accuracy"]
SUMMARY_COLUMNS = [
    *ROW, "seeds", "clean_accuracy", "robust_accuracy", "robust_accuracy_low", "robust_accuracy_high", "gain",
    "gain_low", "gain_high", "relative_gain", "mce", "parameters", "training_flops_ratio", "verdict",
]  # fmt: skip
FURTHER_COLUMNS = [
    "robust_accuracy_15", "p_value", "p_holm", "p_equivalent", "margin", "dynamic", "trained_here", "at_chance",
    "note", "mce_low", "mce_high", "relative_mce", "relative_mce_low", "relative_mce_high", "noise_minus_blur",
    "noise_minus_blur_low", "noise_minus_blur_high", "frequency_slope", "frequency_slope_low", "frequency_slope_high",
    "effective_robustness", "effective_robustness_low", "effective_robustness_high",
]  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """All numbers of a study: the tables of ``write_summary`` and the overall verdict.

    Attributes:
        attributed: for each attributed gain, what a random mask and what moving connections add, and a sentence.
    """

    rows: pd.DataFrame
    networks: pd.DataFrame
    cells: pd.DataFrame
    training: pd.DataFrame
    topology: pd.DataFrame
    attribution: pd.DataFrame
    missing: pd.DataFrame
    attributed: list[dict]
    overall: Overall


def write_summary(
    folders: Iterable[str | Path],
    tables: str | Path,
    *,
    baseline: str = BASELINE,
    margin: float = MARGIN,
    plan: Mapping[str, Any] | None = None,
    sources: Mapping[str, str] | None = None,
    aside: Collection[str] = (),
    frequency: str | Path | None = None,
    resamples: int = RESAMPLES,
) -> Summary:
    """Summarise the runs of these folders and write the tables into a folder.

    The tables are summary.csv, networks.csv (the networks one by one), corruptions.csv, training.csv and topology.csv
    (histories and topology updates, means over seeds), attribution.csv and attribution.json (where the gains of DST
    come from, in numbers and in words), shifts.csv (sets of natural shift; summary.csv has their columns too),
    missing.csv (expected runs that do not exist), verdict.json, and made_with.json (devices and versions). Runs that
    are incomplete or were tested on other test sets are listed as missing.

    Args:
        folders: every expected run, ``.../{scenario}/{method}/{sparsity}/seed{seed}``, whether or not it exists.
        target: the folder for the tables.
        baseline: the method or variant that gains are measured against: at the same sparsity, or at its only one.
        margin: the gain that matters, as a share. Smaller ones may be called equivalent.
        plan: the fields of ``Looks`` if seeds are added until the rows are decided; None if their number is fixed.
        sources: for each control that starts from the masks of another method, the name of that method.
        aside: scenarios of which the answer does not speak.
        frequency: frequency.csv; if it is None, there is no slope over the share of high frequencies.
        resamples: number of resamples of the bootstrap.
    """
    folders = list(folders)
    summary = summarise(
        folders,
        baseline=baseline,
        margin=margin,
        plan=Looks(**plan) if plan else None,
        sources=sources,
        aside=aside,
        frequency=frequency,
        resamples=resamples,
    )
    shifts = shift_table(folders, baseline=baseline, resamples=resamples)
    files = {
        "summary": beside(summary.rows, shifts), "networks": summary.networks, "corruptions": summary.cells,
        "training": summary.training, "topology": summary.topology, "attribution": summary.attribution,
        "shifts": shifts, "missing": summary.missing,
    }  # fmt: skip
    for name, table in files.items():
        with atomic_path(Path(tables) / f"{name}.csv") as partial:
            cells_without_formulas(table).to_csv(partial, index=False)
    # json has no NaN.
    values = {key: None if value != value else value for key, value in asdict(summary.overall).items()}
    for name, content in (
        ("verdict", values), ("attribution", summary.attributed), ("made_with", made_with(folders)),
    ):  # fmt: skip
        write_text(Path(tables) / f"{name}.json", json.dumps(content, indent=2) + "\n")
    return summary


def summarise(
    folders: Iterable[str | Path],
    *,
    baseline: str = BASELINE,
    margin: float = MARGIN,
    plan: Looks | None = None,
    sources: Mapping[str, str] | None = None,
    aside: Collection[str] = (),
    frequency: str | Path | None = None,
    resamples: int = RESAMPLES,
) -> Summary:
    """Return the summary of the runs in these folders; see ``write_summary``."""
    check_margin(margin)
    shares = pd.read_csv(frequency) if frequency else None
    runs, missing = complete_runs(folders)
    tables, networks, cells, curves, topologies, ladders, pooled = [], [], [], [], [], [], []
    attributed: list[dict] = []
    seen: list[Evidence | None] = []
    # A scenario of networks that were trained elsewhere is named after their baseline, which may be missing.
    compared = {run.scenario for run in (*runs, *(run for run, _ in missing)) if run.method == run.scenario}
    for _, members in groupby(runs, key=lambda run: run.scenario):
        members = list(members)
        name = members[0].scenario
        scenario = load_scenario(members, name if name in compared else baseline, shares)
        missing += scenario.misfits
        if not scenario.runs:
            continue
        cells.append(_cells(scenario.loaded))
        found = scenario_rows(scenario, cells[-1], margin=margin, resamples=resamples)
        tables.append(found.table)
        networks.append(found.networks)
        seen += _evidence(found, plan)
        steps, sentences = attribute_rows(scenario, dict(sources or {}))
        ladders.append(steps)
        attributed += sentences
        curves.append(training_curves(item.run for item in scenario.loaded))
        topologies.append(topology_curves(item.run for item in scenario.loaded))
        pooled += [found.pooled] if found.pooled and name not in aside else []
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=SUMMARY_COLUMNS + FURTHER_COLUMNS)
    if plan is not None and any(item is not None for item in seen):
        _decide(rows, seen, plan, margin)
    _tell_chance(rows)
    further = [name for name in rows.columns if name not in SUMMARY_COLUMNS + FURTHER_COLUMNS]
    judged = rows[rows["dynamic"].astype(bool) & rows["sparsity"].map(in_range).astype(bool) & rows["gain"].notna()]
    judged = judged[~judged["scenario"].isin(aside)]
    return Summary(
        rows=rows[SUMMARY_COLUMNS + FURTHER_COLUMNS + further],
        networks=_joined(networks, RUN),
        cells=_joined(cells, CORRUPTION_COLUMNS)[CORRUPTION_COLUMNS],
        training=_joined(curves, [*ROW, "epoch"]),
        topology=_joined(topologies, TOPOLOGY_COLUMNS),
        attribution=_joined(ladders, ATTRIBUTION_COLUMNS),
        missing=pd.DataFrame([run.names | {"reason": reason} for run, reason in missing], columns=[*RUN, "reason"]),
        attributed=attributed,
        overall=overall(judged, average(pooled) if pooled else None, rows, margin=margin, looks=plan is not None),
    )


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _cells(loaded: list[LoadedRun]) -> pd.DataFrame:
    """Return the cells of all runs in one table, each with the name of its run."""
    table = pd.concat([item.cells for item in loaded], ignore_index=True)
    lengths = [len(item.cells) for item in loaded]
    names = pd.DataFrame([item.run.names for item in loaded])
    return pd.concat([names.loc[names.index.repeat(lengths)].reset_index(drop=True), table], axis=1)


def _evidence(rows: ScenarioRows, plan: Looks | None) -> list[Evidence | None]:
    """Return the evidence of each row, or None for a row that gets no seeds: a baseline, or networks from elsewhere."""
    return [
        evidence(gain, plan) if gain is not None and plan is not None and trained_here else None
        for gain, trained_here in zip(rows.gains, rows.table["trained_here"], strict=True)
    ]


def _decide(rows: pd.DataFrame, seen: list[Evidence | None], plan: Looks, margin: float) -> None:
    """Replace the verdicts and intervals for a fixed number of seeds by those of the looks."""
    known = {index: item for index, item in enumerate(seen) if item is not None}
    decisions: dict[int, Decision] = {}
    for family in plan.families({index: rows.at[index, "scenario"] for index in known}):
        decisions |= decide({index: known[index] for index in family}, plan, margin)
    rows.loc[list(decisions), ["p_value", "p_holm", "p_equivalent"]] = np.nan
    for index, found in decisions.items():
        rows.loc[index, ["verdict", "gain_low", "gain_high"]] = found.verdict, found.low, found.high
        state = f"decided after {found.seeds} seeds" if found.decided else f"looked at after {found.seeds} seeds"
        if found.seeds == 0:
            state = f"first looked at after {plan.first} seeds"
        further = ["smaller than the margin"] if found.verdict == HOLDS and found.high < margin else []
        if found.verdict == UNDECIDED and found.low * found.high > 0:
            further.append(UNCORRECTED)
        rows.loc[index, "note"] = "; ".join([state, *further])


def _tell_chance(rows: pd.DataFrame) -> None:
    """Say first in the note that networks learned nothing, whatever their gains are."""
    for index in rows.index[rows["at_chance"] > 0]:
        line = rows.loc[index]
        told = f"{line['at_chance']} of {line['seeds']} networks recognise no more than one answer to all would"
        rows.loc[index, "note"] = "; ".join(filter(None, [told, line["note"]]))
