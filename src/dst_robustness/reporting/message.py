"""The closing message on the terminal: the question, the answer, where to look, and what to try next."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from dst_robustness.analysis.words import BASELINE_ROW, UNDECIDED, in_range
from dst_robustness.reporting.names import ABSENT, method_name, only_tested, row_header, row_names

WIDTH = 100
# With more scenarios than this, each gets one line.
MANY = 3
# And of a scenario with no more rows than this, all are shown.
FEW = 5
GAIN = "A gain of +1 point: of 100 corrupted images or clips, one more is recognised."
ANSWERS = {"supported": "Yes", "contradicted": "No", "equivalent": "As many", "undecided": "This study cannot tell"}
OWN_STUDY = """\
# FOLDER/train/CLASS/*.jpg and FOLDER/test/CLASS/*.jpg
datasets: {mine: {type: image_folder, path: FOLDER, image_size: 64}}
methods: [dense, set, rigl]
sparsities: [0.5]
seeds: [0, 1, 2, 3]
scenarios: [{dataset: mine, model: resnet18, training: {epochs: 30}}]
"""


def closing_message(
    results: str | Path, report: str | Path | None = None, *, every_row: bool = False, suggest: bool = False
) -> str:
    """Return what a study found, in plain text of at most 100 columns, from the tables below its results folder.

    Args:
        report: path of the report to point at, if it is there; of the figures, too, only what is there is named.
        every_row: show all methods and sparsities instead of the best.
        suggest: end with a study of the user's own images, ready to be copied.
    """
    tables = Path(results) / "tables"
    found = json.loads((tables / "verdict.json").read_text(encoding="utf-8"))
    rows, missing = pd.read_csv(tables / "summary.csv"), pd.read_csv(tables / "missing.csv")
    lines = ["", *_answer(rows, found), ""]
    if len(rows):
        lines += [*_scenarios(rows, every_row), ""]
    if len(missing):
        runs = "1 expected run has" if len(missing) == 1 else f"{len(missing)} expected runs have"
        lines += [f"{runs} no results yet: see {tables / 'missing.csv'}", ""]
    places = {"Tables": tables, "Figures": Path(results) / "figures", "Report": Path(report) if report else None}
    lines += [f"{name:9}{place}" for name, place in places.items() if place and place.exists()]
    return "\n".join([*lines, *(_suggestion() if suggest else [])]) + "\n"


def _answer(rows: pd.DataFrame, found: dict[str, Any]) -> list[str]:
    """Return the question and the answer for somebody who knows neither; where nothing was compared, the verdict."""
    judged = rows[rows["dynamic"].astype(bool) & rows["sparsity"].map(in_range).astype(bool) & rows["gain"].notna()]
    if judged.empty:
        return textwrap.wrap(found["sentence"], WIDTH)
    methods = ", ".join(dict.fromkeys(map(method_name, judged["method"])))
    baseline = (rows["verdict"] == BASELINE_ROW) & rows["scenario"].isin(judged["scenario"])
    baselines = dict.fromkeys(map(method_name, rows.loc[baseline, "method"]))
    question = (
        f"Do networks that keep only some of their weights, and change which while they learn ({methods}), recognise "
        f"more corrupted images or clips than networks trained without that ({', '.join(baselines)})?"
    )
    few = {1: "one seed, so this speaks of these networks alone", 2: "two seeds, which may agree by chance"}
    seeds = few.get(found["seeds"], f"{found['seeds']} seeds")
    answer = (
        f"{ANSWERS[found['answer']]}: of 100 corrupted ones they recognised {_more(found['gain'])}, with a 95% "
        f"interval from {_more(found['gain_low'])} to {_more(found['gain_high'])} ({seeds}"
        f"{'; the interval counts one look at the data' * found['looks']}). Of the comparisons with "
        f"{', '.join(baselines)}, {found['holds']} found more, {found['fails']} fewer, {found['equivalent']} as many "
        f"(within {100 * found['margin']:g} of 100), and {found['undecided']} cannot tell."
    )
    return [*_labelled("Question", question), *_labelled("Answer", answer)]


def _more(gain: float) -> str:
    return f"{abs(100 * gain):.2f} {'fewer' if gain < 0 else 'more'}"


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{label:9}", subsequent_indent=" " * 9)


def _suggestion() -> list[str]:
    study = textwrap.indent(OWN_STUDY, "    ").splitlines()
    run = "    uv run snakemake --cores all --configfile mine.yaml"
    return ["", "Next, your own images: write this to mine.yaml,", *study, "and run", run]


def _scenarios(rows: pd.DataFrame, every_row: bool) -> list[str]:
    """Return a small table per scenario: the dense run, and the best method at each sparsity."""
    scenarios = list(rows.groupby("scenario", sort=False))
    lines = []
    for scenario, part in scenarios:
        shown, choice = _choose(part, every_row, many=len(scenarios) > MANY)
        counted = f" ({_counted(part['seeds'])})" if part["seeds"].max() > 1 or not only_tested(part) else ""
        lines += [f"{scenario}{counted}, {choice}:", *_table(shown)]
    excluded = (rows["gain_low"] > 0) | (rows["gain_high"] < 0)
    if (excluded & (rows["verdict"] == UNDECIDED)).any():
        lines.append("Verdicts are corrected for the number of comparisons (Holm), intervals are not.")
    lost = rows["at_chance"].sum() if "at_chance" in rows else 0  # tables of earlier versions lack it
    if lost:
        networks = "1 network recognises" if lost == 1 else f"{lost} networks recognise"
        lines.append(f"{networks} no more than one answer to all images would: see at_chance in summary.csv.")
    lines += [GAIN, f"A gain that is surely within {100 * rows['margin'].iloc[0]:g} of 0 is equivalent."]
    return [line[:WIDTH] for line in lines]


def _counted(seeds: pd.Series) -> str:
    """Return the seeds of the rows, "5 to 8 seeds" if some have fewer."""
    least, most = seeds.min(), seeds.max()
    if least < most:
        return f"{least} to {most} seeds"
    return "1 seed" if most == 1 else f"{most} seeds"


def _choose(rows: pd.DataFrame, every_row: bool, *, many: bool) -> tuple[pd.DataFrame, str]:
    if every_row:
        return rows, "all methods"
    if only_tested(rows):  # there is no sparsity that one could choose by
        return rows, "all networks"
    if len(rows) <= FEW and not many:
        return rows, "all methods"
    best = rows.loc[rows.groupby("sparsity")["robust_accuracy"].idxmax()]
    if many:
        return best[best["verdict"] != BASELINE_ROW].nlargest(1, "robust_accuracy"), "best method"
    return best, "best method at each sparsity"


def _table(rows: pd.DataFrame) -> list[str]:
    header = [*row_header(rows)[1:], "clean %", "robust %", "gain in points (95% interval)", "verdict"]
    names = row_names(rows)
    table = [header, *([*name[1:], *_row(row)] for name, row in zip(names, rows.itertuples(), strict=True))]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table
    ]


def _row(row: Any) -> list[str]:
    between = f"{100 * row.gain_low:+.2f} to {100 * row.gain_high:+.2f}"
    gain = f"{100 * row.gain:+.2f} ({'no interval' if pd.isna(row.gain_low) else between})"
    return [
        f"{100 * row.clean_accuracy:.1f}",
        f"{100 * row.robust_accuracy:.1f}",
        ABSENT if row.verdict == BASELINE_ROW or pd.isna(row.gain) else gain,
        row.verdict,
    ]
