"""What a finished run leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import torch

from dst_robustness.storage import atomic_path, write_text
from dst_robustness.training.data import SampleSet
from dst_robustness.training.state import TrainingState

TOPOLOGY_COLUMNS = ["step", "density", "dropped", "grown", "regrown", "itop_rate"]


def write_outputs(folder: Path, state: TrainingState, data: SampleSet, run: Run, method: str) -> None:
    """Write model.pt, history.csv, topology.csv and run.json, each in one piece, run.json last.

    model.pt is a plain state_dict in float32 on the CPU; with run.json any program can rebuild the network.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in state.network.state_dict().items()}
    with atomic_path(folder / "model.pt") as partial:
        torch.save(weights, partial)
    write_text(folder / "history.csv", pd.DataFrame(state.history).to_csv(index=False))
    updates = pd.DataFrame([vars(update) for update in state.sparse.updates], columns=TOPOLOGY_COLUMNS)
    write_text(folder / "topology.csv", updates.to_csv(index=False))
    write_text(folder / "run.json", json.dumps(describe(state, data, run, method), indent=2) + "\n")
