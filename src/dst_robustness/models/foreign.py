"""Networks that are not registered here: from a library or from a user's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from dst_robustness.models.answers import check_answers
from dst_robustness.models.libraries import FRAMES, library_network
from dst_robustness.models.own_file import own_network
from dst_robustness.models.sources import CLIPS, IMAGES, find_source

_ARGUMENTS = "_library_arguments"


def foreign_network(
    name: str,
    num_classes: int,
    *,
    image_size: int,
    width: float,
    frames: int | None,
    arguments: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Return the network, after checking what it returns; see ``build_model``."""
    source = find_source(name)
    if frames is not None and source.kind == IMAGES:
        raise ValueError(f"model '{name}' is a network for images; it does not take clips")
    if source.library == "file":
        network = own_network(source, num_classes, image_size=image_size, frames=frames, width=width)
    else:
        network, taken = library_network(
            source, num_classes, image_size=image_size, frames=frames, width=width, arguments=arguments
        )
        setattr(network, _ARGUMENTS, taken)
    clips = source.kind == CLIPS or frames is not None
    check_answers(network, name, num_classes, (3, *((frames or FRAMES,) if clips else ()), image_size, image_size))
    return network


def library_arguments(network: nn.Module) -> dict[str, Any]:
    """Return the arguments with which a library's network was built, without the number of classes; else nothing.

    ``timm.create_model(NAME, num_classes=K, **arguments)`` builds the same network.
    """
    return dict(getattr(network, _ARGUMENTS, {}))
