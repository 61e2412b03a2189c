"""Write the further tables of a study, for a README and for a paper."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from dst_robustness.jobs.files import write_text
from dst_robustness.reporting.by_corruption import by_corruption_table
from dst_robustness.reporting.names import scenario_titles, titled
from dst_robustness.reporting.table import NEEDS
from dst_robustness.reporting.tables import metrics_table, resource_table, robustness_table, sparsity_table

TABLES = {
    "robustness": lambda rows, cells: robustness_table(rows),
    "sparsity": lambda rows, cells: sparsity_table(rows),
    "metrics": lambda rows, cells: metrics_table(rows),
    "resources": lambda rows, cells: resource_table(rows),
    "by_corruption": by_corruption_table,
}
# Endings of the file names, each with its LaTeX environment.
VARIANTS = {"": "table", "_two_columns": "table*"}


def write_tables(tables: str | Path, names: Iterable[str] = tuple(TABLES)) -> None:
    """Write some of ``TABLES`` from summary.csv and corruptions.csv into their folder.

    NAME.md has all scenarios. NAME.tex has one table per scenario, and NAME_two_columns.tex the same for pages with two
    columns.

    Args:
        tables: the folder.
        names: which tables to write.
    """
    tables = Path(tables)
    rows, cells = pd.read_csv(tables / "summary.csv"), pd.read_csv(tables / "corruptions.csv")
    titles = scenario_titles(rows)
    rows, cells = titled(rows, titles), titled(cells, titles)
    for name in names:
        build = TABLES[name]
        write_text(tables / f"{name}.md", build(rows, cells).markdown())
        built = [
            build(rows[rows["scenario"] == title], cells[cells["scenario"] == title])
            for title in dict.fromkeys(rows["scenario"])
        ]
        parts = [table.of_one_scenario() for table in built if table.rows]
        for ending, environment in VARIANTS.items():
            written = [part.latex(f"{name}-{i}", environment=environment) for i, part in enumerate(parts)]
            write_text(tables / f"{name}{ending}.tex", "\n".join([NEEDS, *written]))
