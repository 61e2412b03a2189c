"""Training cost against robust accuracy: does the gain come without extra cost?"""

from __future__ import annotations

from matplotlib.figure import Figure

from dst_robustness.reporting.figures.clean_against_robust import scatter, scenario_panels
from dst_robustness.reporting.study_tables import StudyTables


def draw(tables: StudyTables) -> Figure:
    """Draw one panel per scenario: training FLOPs relative to dense. Above and left of the dense star is better."""
    return scatter(tables, scenario_panels(tables), "training_flops_ratio", "training FLOPs relative to dense", 1)
