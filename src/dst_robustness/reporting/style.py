"""The style of all figures: one set of colours and markers, safe for colour-blind readers and legible in print."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from dst_robustness.jobs.files import atomic_path
from dst_robustness.sparsity import METHODS

# Okabe & Ito 2008, for controls Tol 2021: palettes that are safe for all common forms of colour blindness. Black is the
# dense baseline.
BLACK, GREY = "#000000", "#7F7F7F"
# Colour, marker and line of the methods. The variant that grows by gradient is dashed, the random one is solid.
LOOKS = {
    "dense": (BLACK, "*", "-"),
    "dense_small": (BLACK, "v", ":"),
    "static": (GREY, "X", "-"),
    "set": ("#0072B2", "o", "-"),
    "rigl": ("#D55E00", "s", "-"),
    "mest_r": ("#009E73", "^", "-"),
    "mest_g": ("#009E73", "^", "--"),
    "granet_r": ("#CC79A7", "D", "-"),
    "granet_g": ("#CC79A7", "D", "--"),
    "gmp": ("#56B4E9", "P", "-"),
    "snip": ("#E69F00", "v", "-"),
    "grasp": ("#8B5A2B", "<", "-"),
    "dst_frozen": ("#999933", ">", ":"),
    "dst_shuffled": ("#882255", "<", ":"),
}
# For all other names, chosen by a checksum of the name, so that it is the same in every figure.
OTHER_MARKERS = "pdH8v<>"
DIVERGING, SEQUENTIAL = "PuOr", "viridis"
MOST_COLUMNS = 7  # of a legend
PANEL = (3.25, 2.6)  # inches; as wide as a column of a paper

SETTINGS = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7.5, "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.5, "axes.axisbelow": True, "lines.linewidth": 1.2,
    "lines.markersize": 4, "figure.constrained_layout.use": True, "savefig.dpi": 200, "pdf.fonttype": 42,
    "svg.fonttype": "none", "legend.frameon": False,
}  # fmt: skip


def method_style(method: str) -> dict[str, Any]:
    """Return colour, marker and line of a method. Lines that are not solid have hollow markers.

    A method without its own style is dotted, in the colour of the method from which its class is derived.
    """
    checksum = zlib.crc32(method.encode())
    ancestors = METHODS[method].__mro__ if method in METHODS else ()
    relatives = [name for name in (getattr(kind, "name", None) for kind in ancestors) if name in LOOKS]
    if relatives[:1] == [method]:
        colour, marker, line = LOOKS[method]
    else:
        family = relatives[0] if relatives else list(LOOKS)[checksum // len(OTHER_MARKERS) % len(LOOKS)]
        colour, marker, line = LOOKS[family][0], OTHER_MARKERS[checksum % len(OTHER_MARKERS)], ":"
    return {
        "color": colour,
        "marker": marker,
        "linestyle": line,
        "markerfacecolor": colour if line == "-" else "white",
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


def legend_below(figure: Figure, axes: list[plt.Axes]) -> None:
    """Put one legend for all panels below the figure, in as many columns as fit."""
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    for columns in range(min(MOST_COLUMNS, len(entries)), 0, -1):
        legend = figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns)
        if legend.get_window_extent().width <= figure.bbox.width:
            return
        if columns > 1:
            legend.remove()


def empty_figure(reason: str) -> Figure:
    """Return a figure that says why it is empty, so that an unfinished study gets a report too."""
    figure, (axis,) = new_figure(1, size=(PANEL[0], 0.6))
    axis.axis("off")
    axis.text(0.5, 0.5, reason, ha="center", va="center", wrap=True)
    return figure


# Without dates and versions, so that the same numbers give the same file.
METADATA: dict[str, dict[str, None]] = {"pdf": {"CreationDate": None}, "png": {"Software": None}}


def save(figure: Figure, stem: str | Path, formats: Iterable[str] = tuple(METADATA)) -> list[Path]:
    """Write a figure as ``stem``.pdf and ``stem``.png, or in one of these formats, close it, and return the paths."""
    written = [Path(f"{stem}.{form}") for form in formats]
    for path in written:
        form = path.suffix[1:]
        with atomic_path(path) as partial:
            figure.savefig(partial, format=form, metadata=METADATA[form])
    plt.close(figure)
    return written
