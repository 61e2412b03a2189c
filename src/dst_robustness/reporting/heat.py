"""Tables with cells coloured by the gain: method x category and method x severity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from dst_robustness.analysis.gains import gains_by, of_baseline
from dst_robustness.analysis.runs import ROW
from dst_robustness.reporting.names import ABSENT, row_header, row_names
from dst_robustness.reporting.tables import number


@dataclass(frozen=True)
class HeatCell:
    """One cell.

    Attributes:
        accuracy: accuracy in percent, as text.
        gain: gain over the baseline in points, as text; empty for the baseline, or if there is no baseline run.
        key: the value by which the column is sorted.
        better: whether the gain is above zero.
        heat: size of the gain relative to the largest in the table, in [0, 1].
    """

    accuracy: str
    gain: str = ""
    key: float | str = ""
    better: bool = False
    heat: float = 0.0


@dataclass(frozen=True)
class HeatTable:
    """The table of one scenario. Each row is its names (method and sparsity, or network) and one cell per column."""

    title: str
    header: list[str]
    rows: list[tuple[list[str], list[HeatCell]]]


def heat_tables(cells: pd.DataFrame, rows: pd.DataFrame) -> list[HeatTable]:
    """Return a table for each scenario of corruptions.csv: its categories, then its severities.

    Args:
        rows: summary.csv, which says what gains are measured against.
    """
    if cells.empty:
        return []
    parts = pd.concat(
        [
            gains_by(cells, rows, "category"),
            gains_by(cells, rows, "severity").assign(part=lambda rows: "severity " + rows["part"].astype(str)),
        ]
    )
    parts.loc[of_baseline(parts, rows).to_numpy(), "gain"] = float("nan")
    parts = parts.merge(rows[[*ROW, "trained_here"]], on=ROW)
    return [_heat_table(scenario, part) for scenario, part in parts.groupby("scenario", sort=False)]


def _heat_table(title: str, parts: pd.DataFrame) -> HeatTable:
    columns = list(dict.fromkeys(parts["part"]))
    largest = parts["gain"].abs().max()
    rows = []
    names = row_names(parts.drop_duplicates(["method", "sparsity"]))
    for name, (_, own) in zip(names, parts.groupby(["method", "sparsity"], sort=False), strict=True):
        found = {row.part: _cell(row, largest) for row in own.itertuples()}
        rows.append((name[1:], [found.get(column, HeatCell(ABSENT)) for column in columns]))
    return HeatTable(title, [*row_header(parts)[1:], *columns], rows)


def _cell(row: Any, largest: float) -> HeatCell:
    accuracy = number(row.accuracy, scale=100)
    if pd.isna(row.gain):
        return HeatCell(accuracy, key=row.accuracy)
    heat = round(abs(row.gain) / largest, 2) if largest > 0 else 0.0
    return HeatCell(accuracy, number(row.gain, scale=100, sign=True), row.accuracy, row.gain > 0, heat)
