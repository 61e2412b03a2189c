"""A look at a study that goes on until its rows are decided: from the runs that are there to a word for each row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from dst_robustness.analysis.loading import load_scenario
from dst_robustness.analysis.looks import Looks, look
from dst_robustness.analysis.runs import complete_runs
from dst_robustness.jobs.files import write_text


def write_look(folders: Iterable[str | Path], target: str | Path, *, plan: Mapping[str, Any], baseline: str) -> None:
    """Write what a look says of each row: scenario, method, sparsity, gain, and the fields of ``looks.Decision``.

    Args:
        folders: the runs that the look is at, all of them complete.
        plan: first, step, last and error of ``Looks``, and margin in points.
        baseline: the method that gains are measured against.

    Raises:
        ValueError: for a run that is not complete or was tested on other images than the rest.
    """
    gains = gains_of(folders, baseline)
    decisions = look(gains, Looks(**{name: plan[name] for name in Looks.__annotations__}), plan["margin"] / 100)
    rows = [
        {"scenario": scenario, "method": method, "sparsity": sparsity}
        | {"gain": float(gains[scenario, method, sparsity][: found.seeds].mean())}
        | asdict(found)
        for (scenario, method, sparsity), found in decisions.items()
    ]
    write_text(target, json.dumps(rows, indent=2) + "\n")


def gains_of(folders: Iterable[str | Path], baseline: str) -> dict[tuple[str, str, float], np.ndarray]:
    """Return the gain of each seed on each test image over the baseline, float [seeds, images], for every row.

    A row's seeds are those that it and the baseline have, in their order.
    """
    runs, missing = complete_runs(folders)
    gains = {}
    for scenario, members in groupby(runs, key=lambda run: run.scenario):
        found = load_scenario(list(members), baseline)
        missing += found.misfits
        for row in found.runs:
            if pairs := found.pairs(row, found.reference(row)):
                gains[scenario, *row] = np.stack([np.subtract(own.scores, other.scores) for own, other in pairs])
    if missing:
        run, reason = missing[0]
        raise ValueError(f"a look needs all of its runs, but {run.folder} cannot be read: {reason}")
    return gains
