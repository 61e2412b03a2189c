"""The tables of a study as its figures read them: all of it, or one scenario."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from dst_robustness.reporting.names import scenario_titles


@dataclass(frozen=True)
class StudyTables:
    """The folder of a study's tables.

    Attributes:
        folder: of summary.csv and the others.
        scenario: the only one that is read, in a figure as wide as a column of a paper; None: all.
    """

    folder: Path
    scenario: str | None = None

    def read(self, name: str) -> pd.DataFrame:
        """Return NAME.csv; an empty table where there is no such file."""
        path = self.folder / f"{name}.csv"
        table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        if self.scenario is None or "scenario" not in table:
            return table
        return table[table["scenario"] == self.scenario].reset_index(drop=True)

    def title(self, scenario: str) -> str:
        """Return how a scenario is written."""
        return self._titles.get(scenario, scenario)

    @cached_property
    def _titles(self) -> dict[str, str]:
        rows = self.read("summary")
        return scenario_titles(rows) if len(rows) else {}

    def columns(self, most: int) -> int:
        """Return how many panels stand side by side, at most."""
        return most if self.scenario is None else 1
