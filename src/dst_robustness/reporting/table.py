"""A table of text as Markdown, and as LaTeX (booktabs) that compiles in a paper without changes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pandas as pd

from dst_robustness.jobs import shown

LATEX_SPECIAL = str.maketrans(
    {letter: f"\\{letter}" for letter in "%_&#${}"}
    | {"±": r"$\pm$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)
MARKDOWN_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in "\\|`*<>&~"})
COLUMNS_OF_WORDS = ("scenario", "method", "network", "verdict")
NEEDS = r"% Needs \usepackage{booktabs,graphicx}."
ROWS_OF_A_PAGE = 45
# A table that is too wide is made smaller. All others keep their size.
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        caption: what the numbers mean.
        header: name of each column.
        rows: the cells; each row has as many as the header.
        best: (row, column) of cells to set in bold.
        upright: whether the names of number columns are vertical in LaTeX, so that many columns fit on a page.
    """

    caption: str
    header: list[str]
    rows: list[list[str]]
    best: frozenset[tuple[int, int]] = frozenset()
    upright: bool = False

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown, the caption above."""
        lines = ["| " + " | ".join(self.header) + " |", "|" + " --- |" * len(self.header)]
        for row, cells in enumerate(self.rows):
            written = [_escape_markdown(text) for text in cells]
            bold = [f"**{text}**" if (row, column) in self.best else text for column, text in enumerate(written)]
            lines.append("| " + " | ".join(bold) + " |")
        return f"{self.caption}\n\n" + "\n".join(lines) + "\n"

    def latex(self, label: str, *, environment: str = "table") -> str:
        r"""Return an environment ``table``, or ``table*`` for both columns of a page that has two.

        A table that is too wide is made smaller. One with more rows than a page can hold becomes several tables.
        ``NEEDS`` are the packages that it needs.
        """
        starts = range(0, max(1, len(self.rows)), ROWS_OF_A_PAGE)
        parts = []
        for number, start in enumerate(starts):
            caption = self.caption if not number else f"{self.caption.partition('. ')[0]}, continued."
            tail = f"-{number + 1}" if number else ""
            size = "scriptsize" if self.upright else "footnotesize"
            head = [rf"\begin{{{environment}}}", rf"\centering\{size}\setlength{{\tabcolsep}}{{2.5pt}}"]
            head += [rf"\caption{{{_escape(caption)}}}\label{{tab:{label}{tail}}}", FIT]
            tabular = self._tabular(start, start + ROWS_OF_A_PAGE)
            parts.append("\n".join([*head, f"{tabular}%", "}", rf"\end{{{environment}}}", ""]))
        return "\n".join(parts)

    def _tabular(self, start: int, end: int) -> str:
        rows = pd.DataFrame(self.rows[start:end], columns=range(len(self.header)))
        bold = pd.DataFrame("", rows.index, rows.columns)
        for row, column in self.best:
            if start <= row < end:
                bold.loc[row - start, column] = "textbf:--rwrap"
        heads = [_escape(name) for name in self.header]
        if self.upright:
            words = [name in COLUMNS_OF_WORDS for name in self.header]
            heads = [
                name if plain else rf"\rotatebox{{90}}{{{name}}}" for name, plain in zip(heads, words, strict=True)
            ]
        style = rows.style.hide(axis="index").format(_escape).apply(lambda _: bold, axis=None)
        style = style.format_index(lambda column: heads[column], axis="columns")
        columns = "".join("l" if name in COLUMNS_OF_WORDS else "r" for name in self.header)
        return style.to_latex(hrules=True, column_format=columns).rstrip()

    def of_one_scenario(self) -> Table:
        """Return the table of one scenario with its name in the caption instead of a column."""
        best = frozenset((row, column - 1) for row, column in self.best)
        caption = f"{self.rows[0][0]}. {self.caption}"
        cells = [cells[1:] for cells in self.rows]
        return replace(self, caption=caption, header=self.header[1:], rows=cells, best=best)


def _escape(text: str) -> str:
    # A hyphen before a number is a minus sign.
    parts = re.split(r"(?<![\w-])-(?=\d)", shown.name(text, longest=2000))
    return "$-$".join(part.translate(LATEX_SPECIAL) for part in parts)


def _escape_markdown(text: str) -> str:
    return shown.name(text, longest=2000).translate(MARKDOWN_SPECIAL).replace("](", r"]\(")
