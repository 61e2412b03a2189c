"""A network from a function in a user's file: ``build(num_classes, image_size)``, perhaps with ``width``."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import nn

from dst_robustness.models.sources import Source

OFFERED = ("num_classes", "image_size", "width", "frames")


def own_network(source: Source, num_classes: int, *, image_size: int, frames: int | None, width: float) -> nn.Module:
    """Call the function with those of ``OFFERED`` that it takes by name, and return its network.

    Raises ValueError, with the line of the file, if the function fails or does not return a network.
    """
    function = _load(source)
    values = dict(zip(OFFERED, (num_classes, image_size, width, frames), strict=True))
    parameters = inspect.signature(function).parameters
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    if "num_classes" not in parameters and not takes_all:
        raise ValueError(
            f"model '{source.name}': {source.entry}({', '.join(parameters)}) must take num_classes, "
            "and may take image_size, width and frames"
        )
    if width != 1 and "width" not in parameters and not takes_all:
        raise ValueError(
            f"model '{source.name}': {source.entry}({', '.join(parameters)}) takes no `width`, which "
            f"width {width:g} and the control dense_small need"
        )
    taken: dict[str, Any] = {name: value for name, value in values.items() if takes_all or name in parameters}
    try:
        network = function(**taken)
    except (Exception, SystemExit) as error:
        raise _at_line(source, error) from error
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"model '{source.name}': {source.entry} returned {type(network).__name__}, not a torch.nn.Module"
        )
    return network


def _load(source: Source) -> Callable[..., Any]:
    module = _import(source)
    function = getattr(module, source.entry, None)
    if not callable(function):
        raise ValueError(f"model '{source.name}': '{source.entry}' in {source.file} is not a function")
    return function


def _import(source: Source) -> ModuleType:
    file = source.file
    assert file is not None
    name = f"dst_robustness_user_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    beside = str(file.parent)
    sys.path.insert(0, beside)  # it may import files beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script may read the command line, which is not its own here
        del sys.modules[name]
        raise _at_line(source, error) from error
    finally:
        sys.path.remove(beside)
    return module


def _at_line(source: Source, error: BaseException) -> ValueError:
    """Return the error in one line, with the last line of the user's file in its traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(source.file)]
    place = f"{source.file}, line {lines[-1]}" if lines else str(source.file)
    said = next(iter(str(error).strip().splitlines()), "")
    return ValueError(f"model '{source.name}': {type(error).__name__}: {said} ({place})")
