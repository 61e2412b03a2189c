"""The report: one HTML file that contains everything and opens without internet."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from PIL import Image

from dst_robustness.analysis.published import PAPER, SOURCE, beside_published
from dst_robustness.analysis.runs import ROW
from dst_robustness.analysis.tested import remarks
from dst_robustness.analysis.weights import weight_summary
from dst_robustness.analysis.words import BASELINE_ROW
from dst_robustness.jobs.files import write_text
from dst_robustness.jobs.shown import yaml_without_secrets
from dst_robustness.reporting.explanations import attribution_sentences, explanation_table
from dst_robustness.reporting.figures import CAPTIONS
from dst_robustness.reporting.heat import heat_tables
from dst_robustness.reporting.names import (
    ABSENT,
    method_name,
    only_tested,
    row_header,
    row_names,
    scenario_titles,
    titled,
)
from dst_robustness.reporting.table import Table
from dst_robustness.reporting.tables import (
    metrics_table,
    number,
    resource_table,
    shift_table,
    weight_table,
    with_interval,
)

TEMPLATE = "report.html.jinja"
LEGIBLE = 0.5  # smallest size of a figure on a screen, as a share of its pixels. One panel then fits on a phone


def write_report(
    target: str | Path,
    tables: str | Path,
    figures: Sequence[str | Path],
    galleries: Sequence[str | Path] = (),
    *,
    title: str | None = None,
    configuration: str = "",
    commit: str = "unknown",
) -> None:
    """Write the report of a study.

    Args:
        tables: folder of summary.csv, corruptions.csv, missing.csv, verdict.json and made_with.json; test_sets.csv,
            shifts.csv, attribution.json, layers.csv and overlap.csv are shown where they are there too.
        title: the title; None: one that says what was done.
        figures: PNG files, in the order of the report; the name of the file chooses the caption.
        galleries: PNG or JPEG files with images of the corruptions.
        configuration: the study's merged configuration as YAML; shown without the secrets of addresses.
        commit: of the checkout that the study was run from.
    """
    tables = Path(tables)
    rows, missing, cells = (pd.read_csv(tables / f"{name}.csv") for name in ("summary", "missing", "corruptions"))
    titles = scenario_titles(rows)
    rows, missing, cells = (titled(table, titles) for table in (rows, missing, cells))
    networks = only_tested(rows)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template(TEMPLATE).render(
        title=title or f"Robustness of {'trained networks' if networks else 'dynamic sparse training'}",
        networks=networks,
        verdict=json.loads((tables / "verdict.json").read_text(encoding="utf-8")),
        best=_lines(_best(rows)),
        lines=_lines(rows),
        published=beside_published(rows).to_dict("records") if len(rows) else [],
        heat=heat_tables(cells, rows),
        remarks=_remarks(tables),
        shifts=_shifts(tables, titles, rows),
        metrics=metrics_table(rows) if len(rows) else None,
        costs=resource_table(rows) if len(rows) else None,
        explanations=explanation_table(rows) if len(rows) else None,
        attributed=attribution_sentences(tables, titles),
        margin=rows["margin"].iloc[0] if len(rows) else None,
        weights=_weights(tables, titles, rows),
        missing=missing.to_dict("records"),
        figures=[_picture(Path(path)) for path in figures],
        galleries=[_picture(Path(path)) for path in galleries],
        configuration=yaml_without_secrets(configuration),
        made=json.loads((tables / "made_with.json").read_text(encoding="utf-8")) | {"commit": commit},
        paper=PAPER,
        source=SOURCE,
        percent=lambda value: number(value, 2, scale=100),
        interval=with_interval,
        method_name=method_name,
    )
    write_text(target, page)


def _remarks(tables: Path) -> list[str]:
    path = tables / "test_sets.csv"
    return remarks(pd.read_csv(path)) if path.is_file() else []


def _named(table: pd.DataFrame, titles: Mapping[str, str], rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the titles of its scenarios and ``trained_here``, which ``row_names`` needs."""
    return titled(table, titles).merge(rows[[*ROW, "trained_here"]], on=ROW)


def _shifts(tables: Path, titles: Mapping[str, str], rows: pd.DataFrame) -> Table | None:
    """Return the table of natural shift, or None if the study has none."""
    path = tables / "shifts.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    return shift_table(_named(table, titles, rows)) if len(table) else None


def _weights(tables: Path, titles: Mapping[str, str], rows: pd.DataFrame) -> Table | None:
    """Return the table of the weight analysis, or None if the study has none."""
    layers, overlap = tables / "layers.csv", tables / "overlap.csv"
    if not (layers.is_file() and overlap.is_file()):
        return None
    table = weight_summary(pd.read_csv(layers), pd.read_csv(overlap))
    return weight_table(_named(table, titles, rows)) if len(table) else None


def _best(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the DST row of each scenario with the highest robust accuracy."""
    dynamic = rows[rows["dynamic"].astype(bool)] if len(rows) else rows
    return dynamic.loc[dynamic.groupby("scenario", sort=False)["robust_accuracy"].idxmax()] if len(dynamic) else dynamic


def _lines(rows: pd.DataFrame) -> list[dict[str, tuple[str, float | str]]]:
    """Return the cells of each row of the table: the text, and the value by which it is sorted."""
    header, unknown = row_header(rows), ["training FLOPs"] if only_tested(rows) else []
    found = []
    for names, row in zip(row_names(rows), rows.itertuples(), strict=True):
        cells = {name: (text, text) for name, text in zip(header, names, strict=True)} | _numbers(row)
        found.append({name: cell for name, cell in cells.items() if name not in unknown})
    return found


def _numbers(row: Any) -> dict[str, tuple[str, float | str]]:
    gain = with_interval(row.gain, row.gain_low, row.gain_high, 2, sign=True)
    robust = with_interval(row.robust_accuracy, row.robust_accuracy_low, row.robust_accuracy_high)
    cells = {
        "seeds": (str(row.seeds), row.seeds),
        "clean %": (number(row.clean_accuracy, scale=100), row.clean_accuracy),
        "robust %": (robust, row.robust_accuracy),
        "gain (points)": (ABSENT if row.verdict == BASELINE_ROW else gain, row.gain),
        "mCE %": (number(row.mce), row.mce),
        "training FLOPs": (number(row.training_flops_ratio, 2), row.training_flops_ratio),
        "verdict": (row.verdict, row.verdict),
        "note": ("" if pd.isna(row.note) else row.note, ""),
    }
    return {name: (text, "" if pd.isna(value) else value) for name, (text, value) in cells.items()}


def _picture(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        width = image.width
    kind = "jpeg" if path.suffix in (".jpg", ".jpeg") else "png"
    encoded = base64.b64encode(path.read_bytes()).decode()
    name = path.stem.replace("_", " ")
    return {
        "name": name[:1].upper() + name[1:],
        "caption": CAPTIONS.get(path.stem, ""),
        "source": f"data:image/{kind};base64,{encoded}",
        "legible": round(LEGIBLE * width),
    }
