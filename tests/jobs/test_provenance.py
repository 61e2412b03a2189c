"""A fingerprint changes with what code does, and with nothing else."""

import pytest

from dst_robustness.jobs.provenance import _code_only, code_fingerprint


@pytest.mark.parametrize(
    "source",
    ['"""Doc."""\nx = 1\n', "x = 1  # a comment\n", "\n\n# a comment\nx = 1\n", 'x   =  1\n"""A string alone."""\n'],
)
def test_explaining_better_changes_nothing(source: str) -> None:
    """Comments, docstrings, blank lines and spacing are not code."""
    assert _code_only(source) == _code_only("x = 1\n")


@pytest.mark.parametrize("source", ["x = 2\n", "if x:\n    x = 1\n", 'x = """1"""\n', "y = 1\n"])
def test_every_change_of_code_counts(source: str) -> None:
    """Values, names, strings in expressions and indentation are code."""
    assert _code_only(source) != _code_only("x = 1\n")


def test_fingerprint_follows_imports_of_the_package() -> None:
    """predictions imports storage, so a change of storage reruns what uses predictions."""
    assert code_fingerprint("dst_robustness.sets.predictions") == code_fingerprint(
        "dst_robustness.sets.predictions", "dst_robustness.sets.storage"
    )
    assert code_fingerprint("dst_robustness.sets.predictions") != code_fingerprint("dst_robustness.sets.storage")
