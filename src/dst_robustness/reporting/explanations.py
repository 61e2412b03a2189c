"""What explains the gains, for the report: kinds of corruption, clean accuracy, and the steps of the ladder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dst_robustness.analysis.words import BASELINE_ROW
from dst_robustness.reporting.names import row_header, row_names
from dst_robustness.reporting.table import Table
from dst_robustness.reporting.tables import with_interval

# Of each column its header and what it means.
COLUMNS = {
    "noise_minus_blur": ("noise - blur", "Noise - blur: mean gain under noise minus mean gain under blur."),
    "frequency_slope": (
        "slope over high frequencies",
        "Slope: what the gain rises by from corruptions without high frequencies to those of nothing else.",
    ),
    "effective_robustness": (
        "beyond clean accuracy",
        "Beyond clean accuracy: robust accuracy above the line through the dense networks of the scenario (effective "
        "robustness, Taori et al. 2020); it takes four of them.",
    ),
}


def explanation_table(rows: pd.DataFrame) -> Table | None:
    """Return the table of contrasts between corruptions and of effective robustness, or None if neither is known."""
    known = [name for name in COLUMNS if name in rows and rows[name].notna().any()]
    shown = rows[rows["verdict"] != BASELINE_ROW]
    if not known or shown.empty:
        return None
    cells = [
        [
            *names,
            *(
                with_interval(*(getattr(row, f"{name}{end}") for end in ("", "_low", "_high")), 2, sign=True)
                for name in known
            ),
        ]
        for names, row in zip(row_names(shown), shown.itertuples(), strict=True)
    ]  # fmt: skip
    headers, meanings = zip(*(COLUMNS[name] for name in known), strict=True)
    caption = " ".join(["In points, with 95% intervals of single numbers, not corrected for their number.", *meanings])
    return Table(caption, [*row_header(shown), *headers], cells)


def attribution_sentences(tables: Path, titles: Mapping[str, str]) -> list[str]:
    """Return the sentences of attribution.json about the attributed gains; an empty list if there are none.

    Args:
        tables: folder of the tables.
        titles: title of each scenario, by its name.
    """
    path = tables / "attribution.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [f"{titles.get(item['scenario'], item['scenario'])}: {item['sentence']}" for item in found]
