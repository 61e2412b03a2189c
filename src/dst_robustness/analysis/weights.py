"""Where the active weights of a sparse network are, and how much two networks overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from dst_robustness.analysis.runs import ROW, RUN, SCENARIO, StoredRun
from dst_robustness.jobs.files import atomic_path
from dst_robustness.jobs.shown import cells_without_formulas

# Active weights are True in a mask and not zero in a weight.
Topology = Mapping[str, np.ndarray]
LAYER_COLUMNS = (
    "layer", "weights", "nonzeros", "kernels", "empty_kernels", "output_channels", "empty_output_channels",
    "input_channels", "empty_input_channels",
)  # fmt: skip
OVERLAP_COLUMNS = (
    *SCENARIO, "sparsity", "method", "seed", "other_method", "other_seed", "overlap", "overlap_by_chance",
)  # fmt: skip


def load_topology(folder: str | Path) -> dict[str, np.ndarray]:
    """Return which weights of a stored run are active, bool, by the name of the parameter.

    For the layers in masks.pt they come from the masks, since an active weight may be zero. For all other parameters of
    two or more dimensions they are the non-zeros in model.pt.
    """
    from dst_robustness.models.tensor_files import load_tensors

    folder = Path(folder)
    state = load_tensors(folder / "model.pt")
    masks = folder / "masks.pt"
    known = load_tensors(masks) if masks.is_file() else {}
    return {name: known.get(name, tensor != 0).numpy() for name, tensor in state.items() if tensor.ndim >= 2}


def kernel_counts(weight: np.ndarray) -> np.ndarray:
    """Return the number of non-zeros of each kernel, int [out, in], of a weight or mask [out, in, ...]."""
    return np.count_nonzero(weight.reshape(*weight.shape[:2], -1), axis=2)


def layer_table(topology: Topology) -> pd.DataFrame:
    """Return one row per layer: its non-zeros, and how many kernels and channels hold none (``LAYER_COLUMNS``)."""
    rows = []
    for name, weight in topology.items():
        counts = kernel_counts(weight)
        rows.append(
            (name, weight.size, counts.sum(), counts.size, (counts == 0).sum(), counts.shape[0],
             (counts.sum(axis=1) == 0).sum(), counts.shape[1], (counts.sum(axis=0) == 0).sum())
        )  # fmt: skip
    return pd.DataFrame(rows, columns=LAYER_COLUMNS)


def mask_overlap(one: Topology, other: Topology) -> tuple[float, float]:
    """Return the overlap of two networks' non-zeros, and that of independent random masks of the same densities.

    The overlap is the Jaccard index, intersection / union, over the layers in which either network is sparse. It is 1
    if there are no such layers. Raises ValueError for networks of different shapes.
    """
    intersection = union = expected = total = 0.0
    for name, weight in one.items():
        if name not in other or other[name].shape != weight.shape:
            raise ValueError(f"networks of different shape: layer '{name}' has no counterpart")
        first, second = weight != 0, other[name] != 0
        if first.all() and second.all():
            continue
        both = np.count_nonzero(first & second)
        sizes = np.count_nonzero(first), np.count_nonzero(second)
        intersection, union = intersection + both, union + sum(sizes) - both
        chance = sizes[0] * sizes[1] / weight.size
        expected, total = expected + chance, total + sum(sizes) - chance
    return (intersection / union, expected / total) if union and total else (1.0, 1.0)


def _shapes(topology: Topology) -> dict[str, tuple[int, ...]]:
    return {name: weight.shape for name, weight in topology.items()}


def overlap_table(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return the overlap of all pairs of runs that differ only in the seed or only in the method.

    A method with a network of another shape, such as a dense one of fewer channels, is left out.
    """
    rows = []
    by_cell: dict[tuple, list[StoredRun]] = {}
    for run in sorted(runs):
        by_cell.setdefault((run.scenario, run.dataset, run.model, run.sparsity), []).append(run)
    for cell, members in by_cell.items():
        topologies = {run: load_topology(run.folder) for run in members}
        for one, other in combinations(members, 2):
            same_shape = _shapes(topologies[one]) == _shapes(topologies[other])
            if same_shape and (one.method == other.method) != (one.seed == other.seed):
                overlap = mask_overlap(topologies[one], topologies[other])
                rows.append((*cell, one.method, one.seed, other.method, other.seed, *overlap))
    return pd.DataFrame(rows, columns=OVERLAP_COLUMNS)


def weight_summary(layers: pd.DataFrame, overlaps: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each scenario x sparse method x sparsity, all values shares in [0, 1].

    Args:
        layers: the table of ``layer_table`` of all runs.
        overlaps: the table of ``overlap_table``.

    Returns:
        The columns scenario, dataset, model, method, sparsity; density, empty_kernels, empty_output_channels,
        empty_input_channels over all layers and seeds; overlap_of_seeds and overlap_of_methods, means over the pairs
        that contain the method; chance_of_seeds and chance_of_methods, the same for random masks.
    """
    sums = layers[layers["sparsity"] > 0].groupby(ROW, sort=False).sum(numeric_only=True)
    found = pd.DataFrame({"density": sums["nonzeros"] / sums["weights"]})
    for part in ("kernels", "output_channels", "input_channels"):
        found[f"empty_{part}"] = sums[f"empty_{part}"] / sums[part]
    same = overlaps["method"] == overlaps["other_method"]
    turned = overlaps[~same].rename(columns={"method": "other_method", "other_method": "method"})
    for name, pairs in (("seeds", overlaps[same]), ("methods", pd.concat([overlaps[~same], turned]))):
        means = pairs.groupby(ROW)[["overlap", "overlap_by_chance"]].mean().reindex(found.index)
        found[[f"overlap_of_{name}", f"chance_of_{name}"]] = means
    return found.reset_index()


def write_weight_tables(folders: Iterable[str | Path], layers: str | Path, overlaps: str | Path) -> None:
    """Write the layer tables of all runs that have a model.pt in one table, and the overlaps of their topologies."""
    runs = [run for run in map(StoredRun.at, folders) if (run.folder / "model.pt").is_file()]
    tables = [layer_table(load_topology(run.folder)).assign(**run.names) for run in runs]
    names = [*RUN, *LAYER_COLUMNS]
    table = pd.concat(tables)[names] if tables else pd.DataFrame(columns=names)
    for target, frame in ((layers, table), (overlaps, overlap_table(runs))):
        with atomic_path(target) as partial:
            cells_without_formulas(frame).to_csv(partial, index=False)
