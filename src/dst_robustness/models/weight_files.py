"""Read files of weights that come from elsewhere, without running code in them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

SHOWN = 4  # names in a message
_TORCH = (b"PK", b"\x80")  # files of torch.save begin with these: a zip archive, or before version 1.6 a pickle


class WeightsError(ValueError):
    """A file does not hold the weights of a network; one line says why."""


def read_tensors(path: str | Path) -> dict[str, Any]:
    """Return the content of a file of weights without running code; see ``load_weights`` for the errors."""
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"there is no file of weights {path}")
    with open(path, "rb") as file:
        start = file.read(40)
    if not start:
        raise WeightsError(f"{path} is empty")
    if start[8:9] == b"{":
        return _read_safetensors(path)
    if not start.startswith(_TORCH):
        if start.startswith(b"{"):
            _refuse_index(path)
        text = start.decode("ascii", "replace").partition("\n")[0]
        raise WeightsError(f"{path} is neither safetensors nor a file of torch.save: it begins with {text!r}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error) or "Unsupported" in str(error):
            named = str(error).partition("Unsupported global: GLOBAL ")[2].split(" ")[0]
            raise WeightsError(
                f"{path} holds more than tensors{f' ({named})' if named else ''}, and reading that would run its code; "
                "save only the state_dict: torch.save(network.state_dict(), file), or as safetensors"
            ) from error
        raise WeightsError(f"{path} is truncated or no file of torch.save") from error
    except RuntimeError as error:
        if "TorchScript" in str(error):
            raise WeightsError(
                f"{path} is a TorchScript program, which would run as code; save its state_dict"
            ) from error
        raise WeightsError(f"{path} is truncated or no file of torch.save") from error
    except (EOFError, ValueError, KeyError, OSError, IndexError) as error:
        raise WeightsError(f"{path} is truncated or no file of torch.save") from error
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__}, not a state_dict")
    return dict(content)


def _refuse_index(path: Path) -> None:
    """Raise WeightsError if a file is the index of weights in several files, as of large networks.

    They are not joined here: a study knows, and watches, one file of each network.
    """
    try:
        files = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    raise WeightsError(
        f"{path} only names the {len(files)} files that hold the weights: {', '.join(map(str, files[:SHOWN]))}"
        f"{', ...' * (len(files) > SHOWN)}; join them, as with safetensors.torch: "
        "save_file({name: t for file in files for name, t in load_file(file).items()}, 'joined.safetensors')"
    )


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is truncated or no safetensors: {error}") from error
