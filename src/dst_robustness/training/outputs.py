"""The files of a finished run."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dst_robustness.jobs.files import write_text
from dst_robustness.jobs.provenance import versions
from dst_robustness.models.foreign import library_arguments
from dst_robustness.models.sources import find_source
from dst_robustness.models.tensor_files import save_tensors
from dst_robustness.models.width import build_unallocated
from dst_robustness.sparsity import METHODS
from dst_robustness.sparsity.flops import cost, inference_flops, layer_flops
from dst_robustness.study.run import Run
from dst_robustness.training.data import SampleSet
from dst_robustness.training.devices import device_name, peak_memory_mb
from dst_robustness.training.state import TrainingState

TOPOLOGY_COLUMNS = ["step", "density", "dropped", "grown", "regrown", "itop_rate"]


def write_outputs(folder: Path, state: TrainingState, data: SampleSet, run: Run, recipe: Mapping[str, Any]) -> None:
    """Write model.pt, masks.pt, history.csv, topology.csv and, as the last one, run.json. None is seen half written.

    model.pt is a plain state_dict in float32 on the CPU. Any program that builds the network can load it. masks.pt
    says which weights are active, since an active weight may be zero. ``recipe`` is what decided the result.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in state.result.state_dict().items()}
    save_tensors(folder / "model.pt", weights)
    save_tensors(folder / "masks.pt", {name: mask.cpu() for name, mask in state.sparse.masks.items()})
    write_history(folder / "history.csv", state)
    write_text(folder / "topology.csv", _table([vars(update) for update in state.sparse.updates], TOPOLOGY_COLUMNS))
    write_text(folder / "run.json", json.dumps(describe(state, data, run) | {"recipe": recipe}, indent=2) + "\n")


def write_history(path: Path, state: TrainingState) -> None:
    """Write a row for each finished epoch."""
    write_text(path, _table(state.history, list(state.history[0]) if state.history else []))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV. Importing pandas for this would cost each training half a second."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def describe(state: TrainingState, data: SampleSet, run: Run) -> dict[str, Any]:
    """Return the content of run.json: the run, how to rebuild its network, its cost, and what it was made with."""
    device = state.totals.device
    costs = cost(state.sparse, state.network, data.input_shape)
    method = METHODS[run.base_method]
    if method.scales_width:
        costs |= _relative_to_full_width(costs["inference_flops"], run, data)
    return {
        **asdict(run),
        "label": method.label,
        "dst": method.dst,
        "num_classes": len(data.classes),
        "classes": list(data.classes),
        "image_size": data.image_size,
        "mean": data.mean.flatten().tolist(),
        "std": data.std.flatten().tolist(),
        "layout": f"{'NCTHW' if data.frames else 'NCHW'}, RGB, (value / 255 - mean) / std",
        "data": data.origin,
        "width": state.width,
        "frames": data.frames,
        "arguments": library_arguments(state.network),
        **costs,
        "train_seconds": state.seconds,
        "images_per_second": state.history[-1]["images_per_second"],
        "peak_memory_mb": peak_memory_mb(device),
        "itop_rate": state.sparse.itop_rate,
        "device": device_name(device),
        "versions": versions("torch", "torchvision", "numpy")
        | {"python": platform.python_version()}
        | find_source(run.model).version,
    }


def _relative_to_full_width(inference: float, run: Run, data: SampleSet) -> dict[str, float]:
    """Return the FLOPs of a narrow network relative to the full one. It is dense, so training has the same ratio."""
    options = {"image_size": data.image_size, "width": run.width, "frames": data.frames}
    full = build_unallocated(run.model, len(data.classes), **options)
    ratio = inference / inference_flops(layer_flops(full, data.input_shape))
    return {"inference_flops_ratio": ratio, "training_flops_ratio": ratio}
