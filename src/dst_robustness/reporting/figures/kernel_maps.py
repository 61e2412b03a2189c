"""Non-zero weights of each kernel, output channel x input channel: the connections that dynamic training keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dst_robustness.analysis.runs import StoredRun
from dst_robustness.analysis.weights import kernel_counts, load_topology
from dst_robustness.reporting.names import method_name
from dst_robustness.reporting.style import SEQUENTIAL, new_figure, save

LARGEST = 128


def draw(run: StoredRun, layers: int = 6) -> Figure:
    """Draw the kernel maps of some layers, evenly spaced from first to last, with at most 128 channels per side."""
    topology = list(load_topology(run.folder).items())
    weights = [(name, weight) for name, weight in topology if weight.ndim > 2] or topology
    chosen = [weights[i] for i in sorted({round(i) for i in np.linspace(0, len(weights) - 1, layers)})]
    figure, axes = new_figure(len(chosen), size=(2.3, 2.1))
    figure.suptitle(
        f"{run.scenario} · {method_name(run.method)} · sparsity {run.sparsity:g} · seed {run.seed}",
        fontsize=8,
    )
    for axis, (name, weight) in zip(axes, chosen, strict=True):
        counts = kernel_counts(weight)[:LARGEST, :LARGEST]
        size = int(np.prod(weight.shape[2:]))
        image = axis.imshow(counts, cmap=SEQUENTIAL, vmin=0, vmax=size, aspect="auto", interpolation="nearest")
        axis.set_title(name.removesuffix(".weight"), fontsize=6.5)
        axis.set_xlabel("input channel")
        axis.set_ylabel("output channel")
        axis.grid(visible=False)
        figure.colorbar(image, ax=axis, label=f"non-zeros of {size}")
    return figure


def write_kernel_maps(folder: str | Path, stem: str | Path) -> list[Path]:
    """Draw the kernel maps of the run in a folder and write them as ``stem``.pdf and ``stem``.png."""
    return save(draw(StoredRun.at(folder)), stem)
