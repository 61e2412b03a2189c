"""The words that a row may get, and how the allowed error is shared among them."""

from __future__ import annotations

HOLDS, FAILS, EQUIVALENT, UNDECIDED, BASELINE_ROW = "holds", "fails", "equivalent", "undecided", "baseline"


def one_sided_error(error: float, rows: int) -> float:
    """Return the error of one side of a word, over all rows together, where the chance of any false word is ``error``.

    One row: half on either side of zero. The same serves equivalence, which the row cannot be falsely called then.
    Several rows: a third on either side of zero and a third at the margin, as one row may be falsely found to differ
    and another falsely equivalent.
    """
    return error / 2 if rows == 1 else error / 3
