"""Objects by name. Listing the names imports nothing; looking one up imports only its module."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


def unknown_name(kind: str, name: object, allowed: Iterable[str]) -> ValueError:
    """Return the error for an unknown name. It says the nearest known name and all that are allowed."""
    names = list(allowed)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return ValueError(f"unknown {kind} '{name}'.{hint} Allowed: {', '.join(names)}")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names to objects. Each is given as ``module:attribute`` and imported at its first use.

    Looking up an unknown name raises a ValueError that names the nearest known one and all that are allowed.
    """

    def __init__(self, kind: str, places: Mapping[str, str]) -> None:
        self.kind = kind
        self._places = dict(places)

    def __getitem__(self, name: str) -> T:
        return getattr(import_module(self.module(name)), self._places[name].partition(":")[2])

    def module(self, name: str) -> str:
        """Return the dotted name of the module that holds the entry, without importing it."""
        if name not in self._places:
            raise unknown_name(self.kind, name, self._places)
        return self._places[name].partition(":")[0]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
