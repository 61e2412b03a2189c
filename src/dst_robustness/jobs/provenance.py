"""Where a result comes from: a fingerprint of the code, and the versions of packages."""

from __future__ import annotations

import ast
import hashlib
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from dst_robustness import __version__

PACKAGE = "dst_robustness"
ROOT = Path(__file__).parents[1]
# Modules that store, log, name, check or configure. They do not affect any number. Each name ends in a dot.
NO_NUMBERS = (
    "jobs.", "study.", "registry.", "reporting.", "models.sources.", "models.tensor_files.", "sets.ahead.",
    "sets.attributes.", "sets.hdf5.", "sets.predictions.", "sets.processes.", "sets.storage.", "training.checkpoint.",
    "training.export.", "training.options.", "training.outputs.",
)  # fmt: skip
SKIPPED = ("ctx", "kind", "type_comment", "annotation", "returns")  # fields of a syntax tree that affect nothing
SAID = ("print", "warn", "debug", "info", "warning", "error")  # calls that only print or log


def code_fingerprint(*modules: str) -> str:
    """Return a hash over the code of these modules and of all modules of the package that they import, at any depth.

    It changes only with code that can change a number. It leaves out modules that store, log, name or check
    (``NO_NUMBERS``), and also comments, docstrings, errors and messages. It is the same on every version of Python.
    The ``__init__`` files of packages do not count, so that a new entry of a registry does not rerun anything. Callers
    name the module of the entry that they use.
    """
    sources: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        file = _source_file(module)
        if file is None or module in sources or (module not in modules and _decides_no_number(module)):
            continue
        sources[module], imported = _read(file)
        waiting.extend(imported)
    text = "\n".join(f"{name} {sources[name]}" for name in sorted(sources))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _decides_no_number(module: str) -> bool:
    return f"{module.removeprefix(f'{PACKAGE}.')}.".startswith(NO_NUMBERS)


def _source_file(module: str) -> Path | None:
    if not module.startswith(f"{PACKAGE}."):
        return None
    file = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return file if file.is_file() else None


@cache
def _read(file: Path) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a file's code, and the modules that it imports anywhere."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # The imported name may itself be a module.
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return hashlib.sha256(code_of(tree).encode()).hexdigest(), tuple(imported)


def code_of(node: object) -> str:
    """Return a syntax tree as text, without layout, docstrings, type hints, errors and messages.

    ``ast.dump`` and tokens differ between versions of Python. The names and values of nodes do not.
    """
    if isinstance(node, list):
        return f"[{' '.join(code_of(part) for part in node if not _is_silent(part))}]"
    if isinstance(node, ast.Raise):
        return "Raise"
    if isinstance(node, ast.AST):
        fields = [
            (name, value) for name, value in ast.iter_fields(node) if value not in (None, []) and name not in SKIPPED
        ]
        return f"({type(node).__name__} {' '.join(f'{name}={code_of(value)}' for name, value in fields)})"
    return repr(node)


def _is_silent(node: object) -> bool:
    """Return whether a statement computes nothing: a lone constant, or a call that only prints or logs."""
    if not isinstance(node, ast.Expr):
        return False
    call = node.value
    if isinstance(call, ast.Constant):
        return True
    return isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", None)) in SAID


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of this package, which need not be installed, and of the given ones, which are."""
    return {"dst-robustness": __version__} | {name: metadata.version(name) for name in packages}


def git_commit(folder: str | Path) -> str:
    """Return the commit of a folder, with ``-dirty`` if files have changed, or ``unknown`` outside a repository."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
