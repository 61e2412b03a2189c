"""Files of tensors: never seen half written, and read without running code that they may hold."""

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
    """Write a file of tensors. If the disk is full, an OSError says so, which torch itself would hide."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with atomic_path(path) as partial:
        partial.write_bytes(buffer.getbuffer())


def give_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load tensors into a network by name. All must exist and have the network's shapes.

    They are marked as being of the network's version, since some networks of torchvision refuse an unknown version.
    """
    state = OrderedDict(tensors)
    state._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    network.load_state_dict(state)


def load_tensors(path: str | Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return what ``save_tensors`` wrote. Raises DamagedFileError if the file is truncated or of another kind."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DamagedFileError(path, "tensors") from error
