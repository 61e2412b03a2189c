"""The tables of a study for its figures: of all scenarios or of one."""

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
        folder: folder of summary.csv and the other tables.
        scenario: the only scenario to read, for a figure as wide as a column of a paper; None: read all.
    """

    folder: Path
    scenario: str | None = None

    def read(self, name: str) -> pd.DataFrame:
        """Return NAME.csv, or an empty table if there is no such file."""
        path = self.folder / f"{name}.csv"
        table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        if self.scenario is None or "scenario" not in table:
            return table
        return table[table["scenario"] == self.scenario].reset_index(drop=True)

    def title(self, scenario: str) -> str:
        """Return the title of a scenario."""
        return self._titles.get(scenario, scenario)

    @cached_property
    def _titles(self) -> dict[str, str]:
        rows = self.read("summary")
        return scenario_titles(rows) if len(rows) else {}

    def columns(self, most: int) -> int:
        """Return how many panels may be side by side."""
        return most if self.scenario is None else 1
