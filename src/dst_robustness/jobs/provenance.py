"""Where a result comes from: which code, which versions."""

from __future__ import annotations

import ast
import hashlib
import io
import subprocess
import tokenize
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "dst_robustness"
ROOT = Path(__file__).parents[1]
LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING)


def code_fingerprint(*modules: str) -> str:
    """Return a hash over the source of these modules and of all modules of the package that they import, at any depth.

    Comments, docstrings and blank lines do not count, so that explaining better retrains nothing. Nor do packages'
    ``__init__`` files, where the registries are, so that a new entry retrains nothing: what a step takes from a
    registry is named as a module of its own.
    """
    sources: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        file = _source_file(module)
        if file is None or module in sources:
            continue
        sources[module], imported = _read(file)
        waiting.extend(imported)
    text = "\n".join(f"{name} {sources[name]}" for name in sorted(sources))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _source_file(module: str) -> Path | None:
    if not module.startswith(f"{PACKAGE}."):
        return None
    file = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return file if file.is_file() else None


@cache
def _read(file: Path) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a file's code and the modules that it imports, at any depth of nesting."""
    source = file.read_text(encoding="utf-8")
    imported: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported from a package may be a module of its own.
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return hashlib.sha256(_code_only(source).encode()).hexdigest(), tuple(imported)


def _code_only(source: str) -> str:
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in LAYOUT]
    starts = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    kept: list[str] = []
    is_docstring = False
    for index, token in enumerate(tokens):
        if is_docstring:  # the line end that belongs to it
            is_docstring = False
            continue
        starts_statement = index == 0 or tokens[index - 1].type in starts
        is_docstring = token.type == tokenize.STRING and starts_statement and tokens[index + 1].type == tokenize.NEWLINE
        if not is_docstring:
            kept.append(f"<{token.type}>" if token.type in starts else token.string)
    return " ".join(kept)


def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of the package itself and of others that a result depends on."""
    return {name: metadata.version(name) for name in ("dst-robustness", *packages)}


def git_commit(folder: str | Path) -> str:
    """Return the commit that a folder is checked out at, ``-dirty`` where it was changed, or ``unknown``."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
