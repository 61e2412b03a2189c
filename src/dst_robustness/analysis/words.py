"""The verdicts that a row may get, words about them, and how they share the allowed error."""

from __future__ import annotations

HOLDS, FAILS, EQUIVALENT, UNDECIDED, BASELINE_ROW = "holds", "fails", "equivalent", "undecided", "baseline"
# Why a row may be undecided whose own interval leaves out 0.
UNCORRECTED = "not after correction for the number of comparisons"
# The range of sparsity for which the paper states the hypothesis.
LOWEST, HIGHEST = 0.1, 0.5


def in_range(sparsity: float) -> bool:
    """Return whether the hypothesis is about this sparsity: 0.1 to 0.5."""
    return LOWEST - 1e-9 <= sparsity <= HIGHEST + 1e-9


def one_sided_error(error: float, rows: int) -> float:
    """Return the error on one side, over all rows together, if the chance of any false verdict shall be ``error``.

    With one row, each side of zero gets half. Equivalence gets the same, since one row cannot err in both. With several
    rows, each side of zero and the margin get a third, since one row may falsely differ while another is falsely
    equivalent.
    """
    return error / 2 if rows == 1 else error / 3
