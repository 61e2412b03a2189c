"""One look at a study that adds seeds until its rows are decided: from finished runs to a verdict for each row."""

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
    """Write the result of a look for each row: scenario, method, sparsity, gain, and the fields of ``looks.Decision``.

    Args:
        folders: the runs that this look takes, all of them complete.
        target: the file to write.
        plan: the fields of ``Looks``, and margin in points.
        baseline: the method that gains are measured against.

    Raises:
        ValueError: if a run is not complete, or was tested on other images than the rest.
    """
    gains = gains_of(folders, baseline)
    looks = Looks(**{name: plan[name] for name in Looks.__annotations__})
    rows = [
        {"scenario": scenario, "method": method, "sparsity": sparsity}
        | {"gain": float(gains[scenario, method, sparsity][: found.seeds].mean())}
        | asdict(found)
        for family in looks.families({row: row[0] for row in gains})
        for (scenario, method, sparsity), found in look(
            {row: gains[row] for row in family}, looks, plan["margin"] / 100
        ).items()
    ]
    write_text(target, json.dumps(rows, indent=2) + "\n")


def gains_of(folders: Iterable[str | Path], baseline: str) -> dict[tuple[str, str, float], np.ndarray]:
    """Return for every row the gain over the baseline of each seed on each test image, float [seeds, images].

    A row has the seeds that it shares with the baseline, in rising order.
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
