"""The figures by name; each module draws one from the tables of a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from dst_robustness.registry import Registry
from dst_robustness.reporting.style import save

_HERE = "dst_robustness.reporting.figures"

FIGURES: Registry[Callable[[Path], Figure]] = Registry(
    "figure",
    {
        "robustness_by_sparsity": f"{_HERE}.robustness_by_sparsity:draw",
    },
)


def write_figure(name: str, tables: str | Path, stem: str | Path) -> list[Path]:
    """Draw a figure from the tables of a study and write it as ``stem``.pdf and ``stem``.png."""
    return save(FIGURES[name](Path(tables)), stem)
