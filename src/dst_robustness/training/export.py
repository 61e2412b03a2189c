"""Export a trained network to a file that can be read without this package and without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save

from dst_robustness.jobs.files import DamagedFileError, atomic_path
from dst_robustness.models.tensor_files import load_tensors


def export_run(folder: Path) -> Path:
    """Write the weights of a finished run as model.safetensors beside model.pt, and return its path.

    The names and values are those of the state_dict; inactive weights are exactly zero. The header holds the content of
    run.json: texts as they are, everything else as JSON (https://huggingface.co/docs/safetensors). Raises
    DamagedFileError if model.pt or run.json cannot be read.
    """
    try:
        described = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if not isinstance(described, dict):
            raise ValueError("no mapping")
    except ValueError as error:
        raise DamagedFileError(folder / "run.json", "description of a run") from error
    header = {key: value if isinstance(value, str) else json.dumps(value) for key, value in described.items()}
    target = folder / "model.safetensors"
    with atomic_path(target) as partial:
        partial.write_bytes(save(load_tensors(folder / "model.pt"), {"format": "pt", **header}))
    return target


def export_finished(folders: Sequence[Path]) -> None:
    """Export the finished runs and print how many. A damaged file is renamed, and its run is named."""
    finished = [folder for folder in folders if (folder / "run.json").exists() and (folder / "model.pt").exists()]
    exported = 0
    for folder in finished:
        try:
            export_run(folder)
            exported += 1
        except DamagedFileError as error:
            print(f"{error}. It is now {error.set_aside()}: the next call of the study trains this network again")
        except OSError as error:  # as where the disk is full
            raise SystemExit(f"OSError: {error}; {exported} of {len(folders)} networks are exported") from None
    print(f"{exported} of {len(folders)} networks stand as model.safetensors beside their model.pt")
