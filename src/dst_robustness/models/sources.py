"""What a model string means: a registered name, a network of timm or torchvision, or a function in a user's file.

Nothing here imports timm or torchvision. The names of their networks are read from their source files.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from dst_robustness.jobs.provenance import code_fingerprint
from dst_robustness.models import MODELS, VIDEO_MODELS

IMAGES, CLIPS = "images", "clips"
LIBRARIES = ("timm", "torchvision")
# What the networks in these folders of torchvision return. All others return scores of classes.
_ANSWERS = {"detection": "boxes", "segmentation": "a class for each pixel", "optical_flow": "motion"}
_INTEGER = "quantization"
# @register_model or @register_model(...), perhaps with a name; perhaps further decorators; then the function.
_REGISTERED = re.compile(
    r"^@register_model(?:\((?:name=\"(?P<name>\w+)\")?\))?[ ]*\n(?:@.*\n|[ ]+.*\n|\)\n)*def (?P<function>\w+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Source:
    """Where the network of a model string comes from.

    Attributes:
        name: the whole model string.
        library: ``timm``, ``torchvision``, ``file``, or ``registered``.
        entry: the name of the network in its library, or of the function in the file.
        kind: what the network takes, ``images`` or ``clips``; None if only building it can tell.
        file: the user's file.
    """

    name: str
    library: str
    entry: str
    kind: str | None
    file: Path | None = None

    @property
    def code(self) -> str | None:
        """A text that changes with the code of the network; for a library's network it is the library's version."""
        if self.file:
            return file_fingerprint(self.file)
        return code_fingerprint(MODELS.module(self.name)) if self.library == "registered" else None

    @property
    def version(self) -> dict[str, str]:
        """The library that the network comes from, with its version."""
        return {self.library: metadata.version(self.library)} if self.library in LIBRARIES else {}


def find_source(name: str, folder: str | Path = ".") -> Source:
    """Return what a model string means. Raises ValueError with the nearest names if it means nothing.

    Args:
        name: a name of ``MODELS``, ``timm:NAME``, ``torchvision:NAME`` or ``FILE.py:FUNCTION``.
        folder: the folder in which to look for a relative FILE.
    """
    if name in MODELS:
        return Source(name, "registered", name, CLIPS if name in VIDEO_MODELS else IMAGES)
    place, colon, entry = name.rpartition(":")
    if colon and place in LIBRARIES:
        return Source(name, place, entry, _kind_in_library(name, place, entry))
    if colon and place.endswith(".py"):
        file = (Path(folder) / place).resolve()
        _check_function(name, file, entry)
        return Source(name, "file", entry, None, file)
    near = [f"'{other}'" for other in difflib.get_close_matches(name, MODELS, n=1)]
    near += [f"'{lib}:{name}'" for lib in LIBRARIES if is_installed(lib) and name in networks_of(lib)]
    near += [f"'{name}:FUNCTION'"] if name.endswith(".py") else []
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(
        f"unknown model '{name}'.{hint} Allowed: {', '.join(MODELS)}; timm:NAME, torchvision:NAME, FILE.py:FUNCTION"
    )


def is_installed(library: str) -> bool:
    """Return whether a package can be imported, without importing it."""
    return importlib.util.find_spec(library) is not None


@cache
def networks_of(library: str) -> dict[str, str]:
    """Return the networks of an installed library, each with its folder below ``models`` ("" for most)."""
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        return {}
    root = Path(spec.submodule_search_locations[0]) / "models"
    return {
        match["name"] or match["function"]: file.parent.relative_to(root).as_posix().removeprefix(".")
        for file in sorted(root.rglob("*.py"))
        for match in _REGISTERED.finditer(file.read_text(encoding="utf-8"))
    }


def _kind_in_library(name: str, library: str, entry: str) -> str:
    if not is_installed(library):
        raise ValueError(f"model '{name}' needs the package {library}, which is not installed")
    known = networks_of(library)
    if library == "timm" and entry.partition(".")[0] in known and "." in entry:
        raise ValueError(
            f"model '{name}': what follows the dot names pretrained weights, which are never downloaded here; "
            f"write 'timm:{entry.partition('.')[0]}', with `initial_weights` for weights of your own"
        )
    if entry not in known:
        near = [f"'{library}:{other}'" for other in difflib.get_close_matches(entry, known, n=3)]
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"unknown model '{name}'.{hint} {library} {metadata.version(library)} has {len(known)} networks: "
            f"{library}{'' if library == 'timm' else '.models'}.list_models() lists them"
        )
    folder = known[entry]
    if folder in _ANSWERS:
        raise ValueError(f"model '{name}' returns {_ANSWERS[folder]}; a network must return class scores")
    if folder == _INTEGER:
        raise ValueError(f"model '{name}' computes with integers, which cannot be trained; take it without {_INTEGER}")
    return CLIPS if folder == "video" else IMAGES


def _check_function(name: str, file: Path, entry: str) -> None:
    if not file.is_file():
        raise ValueError(f"model '{name}': there is no file {file}")
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"model '{name}': {file} is not valid Python: {error}") from error
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    bound = [
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    bound += [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    if entry not in (*defined, *bound):
        near = difflib.get_close_matches(entry, defined, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ValueError(
            f"model '{name}': {file.name} defines no '{entry}'.{hint} It defines: {', '.join(defined) or 'no function'}"
        )


def file_fingerprint(file: Path) -> str:
    """Return a hash over a user's file and the files beside it that it imports, directly or not.

    Comments, layout and docstrings do not count.
    """
    texts: dict[str, str] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        key = path.relative_to(file.parent).as_posix()
        if key in texts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        waiting += _imported_beside(tree, path.parent, file.parent)
        texts[key] = ast.dump(_without_docstrings(tree))
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:16]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _imported_beside(tree: ast.Module, here: Path, root: Path) -> list[Path]:
    """Return the files below ``root`` that a module in the folder ``here`` imports."""
    names: list[tuple[Path, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [(root, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = root if node.level == 0 else here.joinpath(*[".."] * (node.level - 1)).resolve()
            module = node.module or ""
            names += [(base, module), *((base, f"{module}.{alias.name}".lstrip(".")) for alias in node.names)]
    found = []
    for base, name in names:
        parts = name.split(".") if name else []
        for length in range(1, len(parts) + 1):
            stem = base.joinpath(*parts[:length])
            found += [p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()]
    return [path for path in found if path.is_relative_to(root)]
