"""Networks of timm and torchvision with fresh weights, built with the arguments that each of them accepts."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from dst_robustness.models.layers import scaled
from dst_robustness.models.sources import CLIPS, Source

log = logging.getLogger(__name__)

Build = Callable[..., nn.Module]
Takes = Callable[[Mapping[str, Any]], nn.Module | None]
GRID = 8  # a transformer cuts a small image into at least this many patches per side
SMALL = 64  # pixels; below this, a stem made for 224 pixels leaves a map of one or two positions
FRAMES = 16  # frames of a clip, for networks that must know them, if the caller does not say
_REFUSED = re.compile(r"(?:unexpected keyword argument|multiple values for)(?P<names>.*)")


def library_network(
    source: Source,
    num_classes: int,
    *,
    image_size: int,
    frames: int | None,
    width: float,
    arguments: Mapping[str, Any] | None = None,
) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network of a library, and the arguments with which it was built, without the number of classes.

    If the library has arguments for the size of the images, the frames of the clips and the patches for small images,
    they are set. A network without such arguments is built as it is.

    Args:
        arguments: if given, exactly these are used, and none is chosen here.
    """
    build = _builder(source)
    taken = dict(arguments) if arguments is not None else _choose(source, build, num_classes, image_size, frames, width)
    network = _attempt(source, build, num_classes, taken)
    _note_coarse(network, source, image_size)
    return network, taken


def _choose(
    source: Source, build: Build, num_classes: int, image_size: int, frames: int | None, width: float
) -> dict[str, Any]:
    """Find the arguments for a network by building it on the meta device, or on the CPU if that fails.

    The random state does not change, so that the weights depend on the seed alone.
    """

    def choose() -> dict[str, Any]:
        offers: dict[str, Any] = {"img_size": image_size, "image_size": image_size}
        offers |= {"aux_logits": False, "init_weights": True}  # Inception: no second head, its own initial weights
        if source.kind == CLIPS:
            offers |= {"spatial_size": (image_size, image_size), "temporal_size": frames or FRAMES}
        network, taken = _with_accepted(source, build, num_classes, offers)

        def takes(more: Mapping[str, Any]) -> nn.Module | None:
            """Return the network with further arguments, or None if it does not take them."""
            try:
                return build(num_classes=num_classes, **{**taken, **more})
            except Exception as error:  # each network refuses in its own way
                log.debug("%s: %s", source.name, error)
                return None

        taken |= _small_patches(network, image_size, takes)
        return taken | (_narrower(source, network, width, takes) if width != 1 else {})

    try:
        with torch.device("meta"):
            return choose()
    except Exception as error:  # some networks compute with their weights while they are built
        log.debug("%s cannot be built without numbers: %s", source.name, error)
    with torch.random.fork_rng([]):
        return choose()


def _builder(source: Source) -> Build:
    if source.library == "timm":
        import timm

        return lambda **arguments: timm.create_model(source.entry, pretrained=False, **arguments)
    import torchvision

    return lambda **arguments: torchvision.models.get_model(source.entry, weights=None, **arguments)


def _with_accepted(
    source: Source, build: Build, num_classes: int, offers: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """Build with as many of the offered arguments as the network takes."""
    left = dict(offers)
    while True:
        try:
            return build(num_classes=num_classes, **left), left
        except TypeError as error:
            said = _REFUSED.search(str(error))
            refused = set(re.findall(r"'(\w+)'", said["names"])) & set(left) if said else set()
            if not refused:
                raise _one_line(source, error) from error
            left = {name: value for name, value in left.items() if name not in refused}
        except Exception as error:  # a library may raise anything for a size or a number that it does not take
            raise _one_line(source, error) from error


def _attempt(source: Source, build: Build, num_classes: int, arguments: Mapping[str, Any]) -> nn.Module:
    try:
        return build(num_classes=num_classes, **arguments)
    except Exception as error:
        raise _one_line(source, error, f" with {dict(arguments)}") from error


def _one_line(source: Source, error: Exception, detail: str = "") -> ValueError:
    said = next(iter(str(error).strip().splitlines()), "")[:300]
    return ValueError(f"model '{source.name}' cannot be built{detail}: {said or type(error).__name__}")


def _small_patches(network: nn.Module, image_size: int, takes: Takes) -> dict[str, Any]:
    """Return smaller patches for a transformer whose grid would be coarse, if the library has an argument for them."""
    side = _patch_side(network)
    if side is None or image_size >= GRID * side:
        return {}
    smaller = {"patch_size": image_size // GRID}
    if image_size % GRID == 0 and takes(smaller) is not None:
        return smaller
    return {}


def _patch_side(network: nn.Module) -> int | None:
    """Return the side of the patches that a network cuts its images into, or None if it has no patches."""
    sizes = (getattr(module, "patch_size", None) for module in network.modules())
    side = next((size for size in sizes if isinstance(size, int | tuple)), None)
    return side[0] if isinstance(side, tuple) else side


def _narrower(source: Source, full: nn.Module, width: float, takes: Takes) -> dict[str, Any]:
    """Return the argument that scales the channels of a network by ``width``."""
    for argument, value in _width_arguments(full, width).items():
        network = takes({argument: value})
        if network is not None and _size(network) != _size(full):
            return {argument: value}
    raise ValueError(
        f"model '{source.name}' has no argument for its width in {source.library}: the control dense_small needs "
        "`width`; leave dense_small out, or build the network in a file of your own, `build(num_classes, width)`"
    )


def _note_coarse(network: nn.Module, source: Source, image_size: int) -> None:
    """Log a line if small images meet a stem for large ones."""
    side = _patch_side(network)
    if side is not None and image_size < GRID * side:
        grid = max(1, image_size // side)
        log.warning(
            "%s cuts %d pixels into %dx%d patches: %s has no smaller ones for it",
            source.name,
            image_size,
            grid,
            grid,
            source.library,
        )
    elif side is None and source.kind != CLIPS and image_size < SMALL:
        log.warning(
            "%s keeps its stem for large images: %s has no argument for one for %d pixels",
            source.name,
            source.library,
            image_size,
        )


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _width_arguments(full: nn.Module, width: float) -> dict[str, Any]:
    """Return arguments that may set the width of a network, by the names that the libraries use, with their values."""
    found: dict[str, Any] = {}
    parameters = inspect.signature(type(full)).parameters
    if "embed_dim" in parameters and isinstance(getattr(full, "embed_dim", None), int):
        heads = next((m.num_heads for m in full.modules() if isinstance(getattr(m, "num_heads", None), int)), 1)
        step = 2 * heads  # rotary and sine positions need an even number of channels per head
        found["embed_dim"] = step * scaled(full.embed_dim // step, width)
    if "dims" in parameters and hasattr(full, "feature_info"):
        found["dims"] = tuple(scaled(stage["num_chs"], width) for stage in full.feature_info)
    channels = getattr(parameters.get("channels"), "default", None)
    if isinstance(channels, tuple):
        found["channels"] = tuple(scaled(count, width) for count in channels)
    return found | {"width_mult": width}
