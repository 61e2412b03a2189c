"""The methods, one per file. A new file in this folder is a new method: they are listed nowhere else."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from dst_robustness.sparsity.methods.base import Method


def places() -> dict[str, str]:
    """Return where each method is, as {name: "module:class"}.

    A class in this folder is a method if it has its own name and label. Raises ValueError if two have the same name.
    """
    found: dict[str, str] = {}
    for file in pkgutil.iter_modules(__path__, f"{__name__}."):
        for thing in vars(import_module(file.name)).values():
            if _is_method(thing) and thing.__module__ == file.name:
                if thing.name in found:
                    raise ValueError(f"two methods are called '{thing.name}': {found[thing.name]} and {file.name}")
                found[thing.name] = f"{file.name}:{thing.__name__}"
    return found


def _is_method(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Method) and {"name", "label"} <= vars(thing).keys()
