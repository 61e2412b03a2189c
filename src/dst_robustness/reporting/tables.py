"""The tables of a study as Markdown and as LaTeX (booktabs) that compiles in a paper as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dst_robustness.analysis.runs import is_baseline
from dst_robustness.jobs import shown
from dst_robustness.jobs.files import write_text
from dst_robustness.reporting.names import method_name

ABSENT = "-"
LATEX_SPECIAL = str.maketrans(
    {letter: f"\\{letter}" for letter in "%_&#${}"}
    | {"±": r"$\pm$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)
MARKDOWN_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in "\\|`*<>"})
COLUMNS_OF_WORDS = ("scenario", "method", "verdict")


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        caption: one sentence that says what the numbers are.
        header: name of each column.
        rows: the cells, as many in each row as the header has.
        best: (row, column) of cells to set in bold.
        breaks: rows that begin a new group.
    """

    caption: str
    header: list[str]
    rows: list[list[str]]
    best: frozenset[tuple[int, int]] = frozenset()
    breaks: frozenset[int] = frozenset()

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown, the caption above."""
        lines = ["| " + " | ".join(self.header) + " |", "|" + " --- |" * len(self.header)]
        lines += ["| " + " | ".join(cells) + " |" for cells in self._cells(_escape_markdown, "**{}**".format)]
        return f"{self.caption}\n\n" + "\n".join(lines) + "\n"

    def latex(self, label: str) -> str:
        r"""Return a table environment that needs ``\usepackage{booktabs}`` and nothing else."""
        body = []
        for index, cells in enumerate(self._cells(_escape, r"\textbf{{{}}}".format)):
            body += [r"\midrule"] if index in self.breaks and index else []
            body.append(" & ".join(cells) + r" \\")
        columns = "".join("l" if name in COLUMNS_OF_WORDS else "r" for name in self.header)
        return "\n".join(
            [
                r"\begin{table}", r"\centering\footnotesize\setlength{\tabcolsep}{2.5pt}",
                rf"\caption{{{_escape(self.caption)}}}", rf"\label{{tab:{label}}}",
                rf"\begin{{tabular}}{{{columns}}}", r"\toprule",
                " & ".join(map(_escape, self.header)) + r" \\", r"\midrule", *body,
                r"\bottomrule", r"\end{tabular}", r"\end{table}", "",
            ]
        )  # fmt: skip

    def of_one_scenario(self) -> Table:
        """Return the table of one scenario with the column that says so moved into the caption.

        What is left fits the width of a page.
        """
        best = frozenset((row, column - 1) for row, column in self.best)
        caption = f"{self.rows[0][0]}. {self.caption}"
        return Table(caption, self.header[1:], [cells[1:] for cells in self.rows], best)

    def _cells(self, plain: Callable[[str], str], bold: Callable[[str], str]) -> list[list[str]]:
        return [
            [bold(plain(text)) if (row, column) in self.best else plain(text) for column, text in enumerate(cells)]
            for row, cells in enumerate(self.rows)
        ]


def _escape(text: str) -> str:
    # A hyphen before a number is a minus sign.
    parts = re.split(r"(?<![\w-])-(?=\d)", shown.name(text, longest=2000))
    return "$-$".join(part.translate(LATEX_SPECIAL) for part in parts)


def _escape_markdown(text: str) -> str:
    return shown.name(text, longest=2000).translate(MARKDOWN_SPECIAL).replace("](", r"]\(")


def number(value: float, digits: int = 1, *, scale: float = 1, sign: bool = False) -> str:
    """Return a number as text; a dash where there is none."""
    if pd.isna(value):
        return ABSENT
    return f"{scale * value:{'+' if sign else ''}.{digits}f}"


def with_interval(value: float, low: float, high: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return a share as percent with its interval in brackets."""
    if pd.isna(value):
        return ABSENT
    text = number(value, digits, scale=100, sign=sign)
    if pd.isna(low):
        return text
    return f"{text} [{number(low, digits, scale=100, sign=sign)}, {number(high, digits, scale=100, sign=sign)}]"


def _names(row: Any) -> list[str]:
    """Return the first three cells of a line: which scenario, method and sparsity it is of."""
    return [row.scenario, method_name(row.method), f"{row.sparsity:g}"]


def robustness_table(rows: pd.DataFrame) -> Table:
    """Return the main table: accuracies, gain, mCE and verdict per method and sparsity, the best in bold."""
    header = ["scenario", "method", "sparsity", "n", "clean %", "robust %", "gain", "mCE", "verdict"]
    cells = []
    for row in rows.itertuples():
        robust = with_interval(row.robust_accuracy, row.robust_accuracy_low, row.robust_accuracy_high)
        gain = with_interval(row.gain, row.gain_low, row.gain_high, 2, sign=True)
        cells.append(
            [*_names(row), str(row.seeds),
             number(row.clean_accuracy, scale=100), robust, ABSENT if is_baseline(row) else gain, number(row.mce),
             row.verdict]
        )  # fmt: skip
    caption = (
        "Top-1 accuracy on the clean test set and averaged over all corruptions and severities, gain over the dense "
        "run of the same seed in points, 95% intervals; n seeds; mCE in percent of dense. Verdicts are corrected "
        "after Holm."
    )
    return Table(caption, header, cells, _best(rows, {"clean_accuracy": 4, "robust_accuracy": 5}), _breaks(rows))


def sparsity_table(rows: pd.DataFrame) -> Table:
    """Return robust accuracy with one column per sparsity, the best of each column and scenario in bold."""
    levels = sorted(rows.loc[~is_baseline(rows), "sparsity"].unique())
    texts, values = [], []
    for (scenario, method), part in rows.groupby(["scenario", "method"], sort=False):
        found = {row.sparsity: row for row in part.itertuples()}
        # The dense run has no sparsity: it stands in every column.
        chosen = [found.get(0.0 if is_baseline(part).all() else level) for level in levels]
        texts.append([scenario, method_name(method), *map(_plus_minus, chosen)])
        values.append((scenario, *(row.robust_accuracy if row else None for row in chosen)))
    frame = pd.DataFrame(values, columns=["scenario", *levels]).astype(dict.fromkeys(levels, float))
    caption = "Robust accuracy (%) by sparsity, with half the width of its 95% interval."
    header = ["scenario", "method", *(f"{level:g}" for level in levels)]
    return Table(caption, header, texts, _best(frame, {level: 2 + i for i, level in enumerate(levels)}), _breaks(frame))


def _plus_minus(row: Any | None) -> str:
    if row is None:
        return ABSENT
    half = (row.robust_accuracy_high - row.robust_accuracy_low) / 2
    return f"{100 * row.robust_accuracy:.1f} ± {100 * half:.1f}"


def resource_table(rows: pd.DataFrame) -> Table:
    """Return what each method costs: parameters, FLOPs relative to dense, seconds, memory, weights ever active."""
    header = ["scenario", "method", "sparsity", "non-zero (M)", "inference FLOPs", "training FLOPs", "seconds",
              "MB", "ITOP"]  # fmt: skip
    cells = [
        [*_names(row),
         number(row.nonzero_parameters, 3, scale=1e-6), number(row.inference_flops_ratio, 3),
         number(row.training_flops_ratio, 3), number(row.train_seconds), number(row.peak_memory_mb, 0),
         number(row.itop_rate, 3)]
        for row in rows.itertuples()
    ]  # fmt: skip
    caption = (
        "Cost of each method: non-zero parameters, FLOPs of inference and training relative to dense (what sparse "
        "kernels would need), seconds and peak memory of training as measured with dense kernels; ITOP: share of the "
        "maskable weights that were ever active."
    )
    return Table(caption, header, cells, breaks=_breaks(rows))


def metrics_table(rows: pd.DataFrame) -> Table:
    """Return what the main table has no room for: the benchmark's fifteen alone, all kinds of mCE, calibration."""
    columns = {
        "robust_accuracy_15": ("rob.-15", 1, 100), "relative_mce": ("rel. mCE", 1, 1), "mce_alexnet": ("mCE*", 1, 1),
        "relative_mce_alexnet": ("rel.*", 1, 1), "clean_ece": ("ECE clean", 1, 100), "robust_ece": ("ECE", 1, 100),
        "clean_nll": ("NLL clean", 3, 1), "robust_nll": ("NLL", 3, 1),
    }  # fmt: skip
    # Against AlexNet there is mCE on ImageNet-C only.
    columns = {name: form for name, form in columns.items() if name in rows and rows[name].notna().any()}
    cells = [
        [
            *_names(row),
            *(number(getattr(row, name), digits, scale=scale) for name, (_, digits, scale) in columns.items()),
        ]
        for row in rows.itertuples()
    ]
    caption = (
        "In percent: robust accuracy over the benchmark's fifteen corruptions; mCE of what corruption adds to the clean"
        " error (rel.), against dense; with a star mCE and relative mCE against AlexNet; expected calibration error "
        "(ECE). Negative log-likelihood (NLL). Means over seeds."
    )
    header = ["scenario", "method", "sparsity", *(title for title, _, _ in columns.values())]
    return Table(caption, header, cells, breaks=_breaks(rows))


def weight_table(rows: pd.DataFrame) -> Table:
    """Return where the weights of each sparse method are, and how much its topologies overlap, in percent.

    Args:
        rows: of ``analysis.weights.weight_summary``.
    """
    shares = {
        "density": "density", "empty_kernels": "empty kernels", "empty_output_channels": "empty output channels",
        "empty_input_channels": "empty input channels", "overlap_of_seeds": "overlap of seeds",
        "chance_of_seeds": "by chance", "overlap_of_methods": "overlap with other methods",
        "chance_of_methods": "by chance",
    }  # fmt: skip
    cells = [[*_names(row), *(number(getattr(row, name), scale=100) for name in shares)] for row in rows.itertuples()]
    caption = (
        "Share of active weights, and of kernels and channels without any, in percent. Overlap: intersection over union"
        " of the active weights of two seeds, or of the method and another of the same seed, and what random masks of "
        "the same densities would have."
    )
    return Table(caption, ["scenario", "method", "sparsity", *shares.values()], cells, breaks=_breaks(rows))


def _best(rows: pd.DataFrame, columns: dict[str, int]) -> frozenset[tuple[int, int]]:
    """Return the place of the largest value of each column in each scenario."""
    rows = rows.reset_index(drop=True)
    best = set()
    for name, place in columns.items():
        # A scenario may lack a column altogether: a sparsity that only others were trained at.
        known = rows[rows[name].notna()]
        best |= {(int(index), place) for index in known.groupby("scenario", sort=False)[name].idxmax()}
    return frozenset(best)


def _breaks(rows: pd.DataFrame) -> frozenset[int]:
    scenarios = list(rows["scenario"])
    return frozenset(index for index in range(1, len(scenarios)) if scenarios[index] != scenarios[index - 1])


TABLES = {
    "robustness": robustness_table,
    "sparsity": sparsity_table,
    "metrics": metrics_table,
    "resources": resource_table,
}


def write_tables(tables: str | Path) -> None:
    """Write each of ``TABLES`` as Markdown, and as LaTeX with a table per scenario, beside summary.csv."""
    rows = pd.read_csv(Path(tables) / "summary.csv")
    for name, build in TABLES.items():
        write_text(Path(tables) / f"{name}.md", build(rows).markdown())
        parts = [build(part).of_one_scenario() for _, part in rows.groupby("scenario", sort=False)]
        write_text(Path(tables) / f"{name}.tex", "\n".join(part.latex(f"{name}-{i}") for i, part in enumerate(parts)))
