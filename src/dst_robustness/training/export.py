"""A trained network in a file that needs neither this package nor PyTorch to be read."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file

from dst_robustness.jobs.files import atomic_path
from dst_robustness.models.tensor_files import load_tensors


def export_run(folder: Path) -> Path:
    """Write the weights of a finished run as model.safetensors beside model.pt, and return its path.

    The names and values are those of the state_dict, weights that the sparsity took away exactly zero. The header holds
    what run.json says: texts as they are, all else as JSON (https://huggingface.co/docs/safetensors).
    """
    described = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    header = {key: value if isinstance(value, str) else json.dumps(value) for key, value in described.items()}
    target = folder / "model.safetensors"
    with atomic_path(target) as partial:
        save_file(load_tensors(folder / "model.pt"), partial, {"format": "pt", **header})
    return target
