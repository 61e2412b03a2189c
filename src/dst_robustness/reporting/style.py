"""How all figures look: one set of colours and markers, safe for colour-blind readers, legible in print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from dst_robustness.jobs.files import atomic_path

# Okabe & Ito 2008, a palette that all common forms of colour blindness keep apart; black is the dense baseline.
BLACK, GREY = "#000000", "#7F7F7F"
FAMILIES = {
    "dense": (BLACK, "*"),
    "static": (GREY, "X"),
    "set": ("#0072B2", "o"),
    "rigl": ("#D55E00", "s"),
    "mest": ("#009E73", "^"),
    "granet": ("#CC79A7", "D"),
    "gmp": ("#56B4E9", "P"),
    "snip": ("#E69F00", "v"),
    "grasp": ("#8B5A2B", "<"),
    "dst": ("#999933", ">"),
}
# Of variants, chosen by the letters of the name: the same in every figure, whatever else is in it.
VARIANT_MARKERS = "pdH8v<>"
DIVERGING, SEQUENTIAL = "PuOr", "viridis"
PANEL = (3.4, 2.6)

SETTINGS = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7.5, "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.5, "axes.axisbelow": True, "lines.linewidth": 1.2,
    "lines.markersize": 4, "figure.constrained_layout.use": True, "savefig.dpi": 200, "pdf.fonttype": 42,
    "svg.fonttype": "none", "legend.frameon": False,
}  # fmt: skip


def method_style(method: str) -> dict[str, Any]:
    """Return colour, marker and line of a method: its family gives the colour, gradient growth is dashed and hollow.

    Variants are dotted and hollow, with a marker of their own.
    """
    family, *rest = method.split("_")
    colour, marker = FAMILIES.get(family, (GREY, "h"))
    by_gradient = "g" in rest
    variant = bool(rest) and rest[-1] not in ("r", "g")
    if variant:
        marker = VARIANT_MARKERS[sum(rest[-1].encode()) % len(VARIANT_MARKERS)]
    return {
        "color": colour,
        "marker": marker,
        "linestyle": ":" if variant else "--" if by_gradient else "-",
        "markerfacecolor": "white" if by_gradient or variant else colour,
    }


def new_figure(panels: int, columns: int = 3, size: tuple[float, float] = PANEL) -> tuple[Figure, list[plt.Axes]]:
    """Return a figure with this many panels in rows of at most ``columns``."""
    plt.rcParams.update(SETTINGS)
    columns = min(columns, max(panels, 1))
    rows = -(-max(panels, 1) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(size[0] * columns, size[1] * rows), squeeze=False)
    for axis in axes.ravel()[panels:]:
        axis.remove()
    return figure, list(axes.ravel()[:panels])


def legend_below(figure: Figure, axes: list[plt.Axes], columns: int = 7) -> None:
    """Put one legend of all panels below the figure."""
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if entries:
        wide = max(1, int(figure.get_figwidth() / 0.9))
        figure.legend(
            entries.values(), entries.keys(), loc="outside lower center", ncols=min(columns, wide, len(entries))
        )


def empty_figure(reason: str) -> Figure:
    """Return a figure that says why there is nothing to see: a partial study gets a partial report."""
    figure, (axis,) = new_figure(1)
    axis.axis("off")
    axis.text(0.5, 0.5, reason, ha="center", va="center", wrap=True)
    return figure


def save(figure: Figure, stem: str | Path) -> list[Path]:
    """Write a figure as ``stem``.pdf and ``stem``.png, close it, and return the two paths."""
    # Without a date, the same numbers give the same file.
    written = []
    for suffix, metadata in ((".pdf", {"CreationDate": None}), (".png", {"Software": None})):
        path = Path(f"{stem}{suffix}")
        with atomic_path(path) as partial:
            figure.savefig(partial, format=suffix[1:], metadata=metadata)
        written.append(path)
    plt.close(figure)
    return written
