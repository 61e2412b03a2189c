"""Read and check the small files of one run. Impossible values are refused, so that they are not averaged.

All functions raise DamagedFileError, which names the file, if it is cut off, of another kind, or holds an impossible
value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dst_robustness.jobs.files import DamagedFileError


def read_description(path: Path) -> dict[str, Any]:
    """Return the content of run.json: names as text, costs as numbers, versions."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedFileError(path, "JSON") from error
    if not isinstance(described, dict) or not isinstance(described.get("versions", {}), dict):
        raise DamagedFileError(path, "description of a run")
    return described


def check_numbers(path: Path, described: dict[str, Any], names: Iterable[str]) -> None:
    """Check that these entries of a description, if they exist, are finite numbers of at least 0."""
    for name in names:
        value = described.get(name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (is_number and 0 <= value < float("inf")):
            raise DamagedFileError(path, reason=f"{name} is {value!r:.40}")


def read_metrics(path: Path) -> pd.DataFrame:
    """Return metrics.csv, one row per cell: corruption, category, severity, accuracy and ece in [0, 1], nll."""
    table = read_table(path, numbers=("severity", "accuracy", "ece", "nll"), words=("corruption", "category"))
    _check_range(path, table, accuracy=(0, 1), severity=(0, 5), ece=(0, 1), nll=(0, np.inf))
    _check_complete(path, table, ["corruption", "category", "severity", "accuracy"])
    if len(table) == 0 or table.duplicated(["corruption", "severity"]).any():
        raise DamagedFileError(path, reason="no rows, or several of one corruption and severity")
    return table


def read_history(path: Path) -> pd.DataFrame:
    """Return history.csv, one row per epoch."""
    table = read_table(path, numbers=("epoch",))
    shares = [name for name in table if name in ("accuracy", "validation_accuracy", "density")]
    _check_range(path, table, **dict.fromkeys(shares, (0, 1)))
    _check_complete(path, table, ["epoch"])
    others = [name for name in table if len(table) and table[name].dtype.kind not in "biuf"]
    if others or table.duplicated(["epoch"]).any():
        raise DamagedFileError(path, reason=f"{others[0]} is not a number" if others else "an epoch is there twice")
    return table


def read_topology(path: Path) -> pd.DataFrame:
    """Return step, density and itop_rate of topology.csv, one row per update."""
    table = read_table(path, numbers=("step", "density", "itop_rate"))[["step", "density", "itop_rate"]]
    _check_range(path, table, density=(0, 1), itop_rate=(0, 1))
    _check_complete(path, table, list(table))
    return table


def read_table(path: Path, *, numbers: Iterable[str] = (), words: Iterable[str] = ()) -> pd.DataFrame:
    """Return the table in a CSV file, and check that it has these columns of numbers and of words."""
    try:
        table = pd.read_csv(path, float_precision="round_trip")
    except ValueError as error:  # pandas: no columns, rows of different lengths, not text
        raise DamagedFileError(path, "table") from error
    for name in (*numbers, *words):
        if name not in table:
            raise DamagedFileError(path, reason=f"column {name} is missing")
    for name in numbers:
        if len(table) and table[name].dtype.kind not in "iuf":
            raise DamagedFileError(path, reason=f"column {name} holds something that is not a number")
    return table


def _check_range(path: Path, table: pd.DataFrame, **ranges: tuple[float, float]) -> None:
    for name, (low, high) in ranges.items():
        values = table[name].to_numpy()
        bad = np.flatnonzero((values < low) | (values > high)) if len(table) else []
        if len(bad):
            raise DamagedFileError(
                path, f"table: {name} is {values[bad[0]]:g} in row {bad[0] + 1}, allowed: {low:g} to {high:g}"
            )


def _check_complete(path: Path, table: pd.DataFrame, names: list[str]) -> None:
    empty = [name for name in names if pd.isna(table[name].to_numpy()).any()]
    if empty:
        raise DamagedFileError(path, reason=f"{empty[0]} is missing in row {table[empty[0]].isna().argmax() + 1}")
