"""Training cost against robust accuracy: does the gain come without extra cost?"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from dst_robustness.reporting.figures.clean_against_robust import scatter


def draw(tables: Path) -> Figure:
    """Draw one panel per scenario: training FLOPs relative to dense; up and left of the dense star is better."""
    return scatter(tables, "training_flops_ratio", "training FLOPs relative to dense", scale=1)
