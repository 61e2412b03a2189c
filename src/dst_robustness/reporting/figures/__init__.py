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
        "gain_by_corruption": f"{_HERE}.gain_by_corruption:draw",
        "clean_against_robust": f"{_HERE}.clean_against_robust:draw",
        "training_curves": f"{_HERE}.training_curves:draw",
        "cost_against_robustness": f"{_HERE}.cost_against_robustness:draw",
    },
)


def write_figure(name: str, tables: str | Path, stem: str | Path) -> list[Path]:
    """Draw a figure from the tables of a study and write it as ``stem``.pdf and ``stem``.png."""
    return save(FIGURES[name](Path(tables)), stem)
