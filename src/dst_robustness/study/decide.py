"""Seeds until decided: the runs that the next look at a study needs, given the last look's decisions."""

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
# The assumed spread of the gains of single seeds, in points, before anything is measured: that of CIFAR-10 networks
# after long training, see docs/simulations.md.
GUESSED_SPREAD = 0.6
CERTAIN = 2.8  # about half the width of a row's interval at a look, in standard errors


def row_of(run: Run) -> Row:
    """Return the row of the tables to which a run belongs."""
    return run.scenario, run.method, run.sparsity


def rows_of(scenarios: Iterable[Scenario], baseline: str) -> list[Row]:
    """Return the rows to decide: all except those of the baseline."""
    rows = dict.fromkeys(row_of(run) for scenario in scenarios for run in scenario.trained_runs)
    return [row for row in rows if row[1] != baseline]


def seeds_needed(rows: Iterable[Row], decisions: Decisions, seeds: int) -> dict[Row, int]:
    """Return how many seeds each row has at the look after ``seeds``. Decided rows get no more."""
    return {row: decisions[row]["seeds"] if row in decisions and decisions[row]["decided"] else seeds for row in rows}


def runs_needed(scenarios: Iterable[Scenario], seeds: Mapping[Row, int]) -> list[Run]:
    """Return the runs of rows with these numbers of seeds, in the order of the grid.

    The baseline of a scenario gets all seeds that any of its rows needs, and so do the sources of controls.
    """
    needed: list[Run] = []
    for scenario in scenarios:
        most = max((count for row, count in seeds.items() if row[0] == scenario.name), default=0)
        own = [run for run in scenario.trained_runs if run.seed < seeds.get(row_of(run), most)]
        sources = {source for run in own for source in scenario.sources(run)}
        needed += [run for run in scenario.trained_runs if run in sources or run.seed < seeds.get(row_of(run), most)]
    return needed


def is_last(plan: Decide, decisions: Decisions, seeds: int) -> bool:
    """Return whether this look is the last: all rows are decided, or no more seeds are allowed."""
    return seeds >= plan.last or all(decision["decided"] for decision in decisions.values())


def looks_so_far(plan: Decide, folder: Path) -> Iterator[tuple[int, Decisions]]:
    """Yield the seeds and the decisions of each look so far, up to the last one."""
    for seeds in plan.looks:
        path = folder / f"{seeds}.json"
        if not path.exists():
            return
        decisions = read_decisions(path)
        yield seeds, decisions
        if is_last(plan, decisions, seeds):
            return


def next_look(plan: Decide, looks: Sequence[tuple[int, Decisions]]) -> int | None:
    """Return the seeds at the look that follows these, or None after the last one."""
    if looks and is_last(plan, looks[-1][1], looks[-1][0]):
        return None
    return next(seeds for seeds in plan.looks if not looks or seeds > looks[-1][0])


def read_decisions(path: str | Path) -> dict[Row, dict[str, Any]]:
    """Return the decision of a look on each row."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    return {(row["scenario"], row["method"], row["sparsity"]): row for row in rows}


def forecast(scenarios: Iterable[Scenario], rows: Iterable[Row], plan: Decide, decisions: Decisions) -> list[Run]:
    """Return the runs that the study will probably have at its end."""
    seeds = {row: _likely_seeds(plan, decisions.get(row)) for row in rows}
    return runs_needed(scenarios, seeds)


def _likely_seeds(plan: Decide, decision: Mapping[str, Any] | None) -> int:
    """Return after how many seeds a row will probably be decided, by the spread seen so far or else assumed."""
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
    """Return a line about looks that have to be repeated, for example after a corruption was added, or nothing.

    Args:
        seeds: seeds at each of these looks.
    """
    first = min(seeds, default=None)
    if first is None:
        return []
    return [f"The looks start anew at {first} seeds, since the results that they look at, or their plan, have changed."]


def outlook(likely: Sequence[Run], folder: Path, hours: Callable[[Run], float | None], *, guessed: bool) -> str:
    """Return one line: how many networks the study will probably have at its end, and the job hours of the rest.

    Args:
        likely: the runs of ``forecast``.
        folder: folder of results.
        hours: returns the job hours of a network, or None if they are not measured.
        guessed: whether there was no look yet.
    """
    lacking = [run for run in likely if not (folder / run.folder / "metrics.csv").exists()]
    by = "an assumed spread of gains over seeds" if guessed else "the spread of gains over seeds so far"
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
