"""Files of tensors: written in one piece, read without running code that they may hold."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dst_robustness.jobs.files import DamagedFileError, atomic_path


def save_tensors(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write tensors in one piece; a full disk is an OSError that says so, which torch itself would hide."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with atomic_path(path) as partial:
        partial.write_bytes(buffer.getbuffer())


def give_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load tensors by the network's names; all must be there, in its shapes.

    They count as of the network's own version: some networks of torchvision take none of unknown version.
    """
    state = OrderedDict(tensors)
    state._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    network.load_state_dict(state)


def load_tensors(path: str | Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return what ``save_tensors`` wrote; raises DamagedFileError where the file is truncated or of another kind."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DamagedFileError(path, "tensors") from error
