"""Seeds until decided: which runs the next look at a study needs, from what the last one said of each row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dst_robustness.study.grid import Scenario
from dst_robustness.study.options import Decide
from dst_robustness.study.run import Run

Row = tuple[str, str, float]  # scenario, method, sparsity
Decisions = Mapping[Row, Mapping[str, Any]]
# Points by which the gains of single seeds spread before anything was measured: that of CIFAR-10 networks trained for
# long, see docs/simulations.md.
GUESSED_SPREAD = 0.6
CERTAIN = 2.8  # half the width of a row's interval at a look, in standard errors, about


def row_of(run: Run) -> Row:
    """Return the row of the tables that a run counts into."""
    return run.scenario, run.method, run.sparsity


def rows_of(scenarios: Iterable[Scenario], baseline: str) -> list[Row]:
    """Return the rows that are to be decided: all but those of the baseline."""
    rows = dict.fromkeys(row_of(run) for scenario in scenarios for run in scenario.runs)
    return [row for row in rows if row[1] != baseline]


def seeds_needed(rows: Iterable[Row], decisions: Decisions, seeds: int) -> dict[Row, int]:
    """Return how many seeds each row has at the look after ``seeds``: decided rows get no more."""
    return {row: decisions[row]["seeds"] if row in decisions and decisions[row]["decided"] else seeds for row in rows}


def runs_needed(scenarios: Iterable[Scenario], seeds: Mapping[Row, int]) -> list[Run]:
    """Return the runs of rows with so many seeds each, in the order of the grid.

    The baseline of a scenario gets the seeds that any of its rows needs, and so do the sources of controls.
    """
    needed: list[Run] = []
    for scenario in scenarios:
        most = max((count for row, count in seeds.items() if row[0] == scenario.name), default=0)
        own = [run for run in scenario.runs if run.seed < seeds.get(row_of(run), most)]
        sources = {source for run in own for source in scenario.sources(run)}
        needed += [run for run in scenario.runs if run in sources or run.seed < seeds.get(row_of(run), most)]
    return needed


def is_last(plan: Decide, decisions: Decisions, seeds: int) -> bool:
    """Return whether no look comes after that one: all rows are decided, or no more seeds are allowed."""
    return seeds >= plan.last or all(decision["decided"] for decision in decisions.values())


def looks_so_far(plan: Decide, folder: Path) -> Iterator[tuple[int, Decisions]]:
    """Yield the seeds and the decisions of each look that was taken, up to the one after which nothing follows."""
    for seeds in plan.looks:
        path = folder / f"{seeds}.json"
        if not path.exists():
            return
        decisions = read_decisions(path)
        yield seeds, decisions
        if is_last(plan, decisions, seeds):
            return


def read_decisions(path: str | Path) -> dict[Row, dict[str, Any]]:
    """Return what a look said of each row."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    return {(row["scenario"], row["method"], row["sparsity"]): row for row in rows}


def forecast(scenarios: Iterable[Scenario], rows: Iterable[Row], plan: Decide, decisions: Decisions) -> list[Run]:
    """Return the runs that the study is likely to have had when it ends."""
    seeds = {row: _likely_seeds(plan, decisions.get(row)) for row in rows}
    return runs_needed(scenarios, seeds)


def _likely_seeds(plan: Decide, decision: Mapping[str, Any] | None) -> int:
    """Return after how many seeds a row is likely to be decided, at the spread seen or, before that, guessed."""
    if decision is not None and decision["decided"]:
        return int(decision["seeds"])
    so_far = int(decision["seeds"]) if decision is not None else 0
    gain, half_width = 0.0, CERTAIN * GUESSED_SPREAD / math.sqrt(plan.first)
    if decision is not None and so_far:
        gain, half_width = abs(100 * decision["gain"]), 50 * (decision["high"] - decision["low"])
    distance = max(gain, float(plan.margin or 0) - gain)  # to zero or, from within, to the margin
    wanted = max(so_far, plan.first) * (half_width / distance) ** 2
    return next((seeds for seeds in plan.looks if seeds >= wanted and seeds > so_far), plan.last)


def taken_again(seeds: Iterable[int]) -> list[str]:
    """Return a line about looks that were taken and are due again, as after a corruption was added; none of none.

    Args:
        seeds: seeds at each of these looks.
    """
    first = min(seeds, default=None)
    if first is None:
        return []
    return [f"The looks start anew at {first} seeds, since what they look at is no longer what it was."]


def outlook(likely: Sequence[Run], folder: Path, hours: Callable[[Run], float | None], *, guessed: bool) -> str:
    """Return one line: how many networks the study is likely to have in the end, and the job hours of those it lacks.

    Args:
        likely: the runs of ``forecast``.
        folder: of results.
        hours: returns those that a network takes, None where that was not measured.
        guessed: whether no look was taken yet.
    """
    lacking = [run for run in likely if not (folder / run.folder / "metrics.csv").exists()]
    by = "a spread of gains over seeds that is guessed" if guessed else "the spread of gains over seeds so far"
    line = f"Until all rows are decided, by {by}: likely {len(likely)} networks, {len(lacking)} of them to come"
    known = [taken for run in lacking if (taken := hours(run)) is not None]
    return f"{line}, about {sum(known):.1f} job hours." if known and len(known) == len(lacking) else f"{line}."


def standing(decisions: Decisions, seeds: int) -> str:
    """Return one line: after how many seeds, how many rows are decided and how."""
    words = [decision["verdict"] for decision in decisions.values() if decision["decided"]]
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return f"After {seeds} seeds {len(words)} of {len(decisions)} rows are decided" + (
        f": {counts}." if counts else "."
    )
