"""A fingerprint changes with what code computes, and with nothing else."""

import ast
import hashlib
from importlib import metadata

import pytest

from dst_robustness import __version__
from dst_robustness.jobs.provenance import NO_NUMBERS, ROOT, code_fingerprint, code_of, versions


def code(source: str) -> str:
    return code_of(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""Doc."""\nx = 1\n',
        "x = 1  # a comment\n",
        "\n\n# a comment\nx = 1\n",
        'x   =  1\n"""A string alone."""\n',
        "x: int = 1\n".replace(": int", ""),
        "x = 1\nprint('done')\nlog.info('done %s', x)\n",
    ],
)
def test_explaining_better_changes_nothing(source: str) -> None:
    """Comments, docstrings, blank lines, spacing and messages compute nothing."""
    assert code(source) == code("x = 1\n")


def test_the_words_of_an_error_and_type_hints_change_nothing() -> None:
    """A reworded message must not train days of networks anew; whether there is an error at all counts."""
    old = "def f(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x\n"
    new = "def f(x: int) -> int:\n    if x < 0:\n        raise ValueError(f'{x} is below zero')\n    return x\n"
    assert code(old) == code(new)
    assert code(old) != code("def f(x):\n    return x\n")


@pytest.mark.parametrize("source", ["x = 2\n", "if x:\n    x = 1\n", 'x = """1"""\n', "y = 1\n", "x = 1\nf(x)\n"])
def test_every_change_of_code_counts(source: str) -> None:
    """Values, names, strings in expressions, calls and indentation are code."""
    assert code(source) != code("x = 1\n")


def test_the_fingerprint_of_a_source_is_the_same_on_every_python() -> None:
    """Another Python must not train a study anew: f-strings, defaults and decorators are where versions differ."""
    source = """
@decorated(1)
class A(B):
    def f(self, x, *, y=0.5, **z):
        with a as b, c:
            return f"{x!r:>{y}} {z['k']}" "more" if not y else [i for i in x if i][1:-1]
"""
    assert hashlib.sha256(code(source).encode()).hexdigest()[:16] == "942486bba81cb2d3"


def test_fingerprint_follows_imports_of_the_package() -> None:
    """build imports data, so a change of data reruns what uses build; what only stores is not followed."""
    build, data = "dst_robustness.training.build", "dst_robustness.training.data"
    assert code_fingerprint(build) == code_fingerprint(build, data)
    assert code_fingerprint(build) != code_fingerprint(data)
    loop, outputs = "dst_robustness.training.loop", "dst_robustness.training.outputs"
    assert code_fingerprint(loop) != code_fingerprint(loop, outputs)


def test_what_decides_no_number_exists() -> None:
    """A module that was renamed would be followed again without a word."""
    for name in NO_NUMBERS:
        path = ROOT / name.removesuffix(".").replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_the_version_is_known_where_the_package_is_only_on_the_path(monkeypatch):
    """A training may not fail at its end, when it writes what it was made with."""
    monkeypatch.setattr(metadata, "version", lambda name: {"torch": "2.6"}[name])
    assert versions("torch") == {"dst-robustness": __version__, "torch": "2.6"}
