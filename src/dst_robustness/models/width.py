"""The width at which a dense network has the parameter count of a sparse one: the `dense_small` control."""

from __future__ import annotations

import math

import torch
from torch import nn

from dst_robustness.models import build_model

TOLERANCE = 0.1  # how far the nearest width may be from the wanted parameter count, as a share of it
RESOLUTION = 1 / 4096  # finer than one channel in the widest layer of any model


def build_unallocated(
    name: str, num_classes: int, *, image_size: int = 32, width: float = 1.0, frames: int | None = None
) -> nn.Module:
    """Return a network without memory for its weights, if it can be built so. The random state does not change."""
    options = {"image_size": image_size, "width": width, "frames": frames}
    with torch.random.fork_rng([]):
        try:
            with torch.device("meta"):
                return build_model(name, num_classes, **options)
        except Exception:  # some networks compute with their weights while they are built
            return build_model(name, num_classes, **options)


def parameter_count(
    name: str, num_classes: int, *, image_size: int = 32, width: float = 1.0, frames: int | None = None
) -> int:
    """Return the number of parameters of a network."""
    network = build_unallocated(name, num_classes, image_size=image_size, width=width, frames=frames)
    return sum(parameter.numel() for parameter in network.parameters())


def width_for_density(
    name: str,
    num_classes: int,
    density: float,
    *,
    image_size: int = 32,
    width: float = 1.0,
    frames: int | None = None,
) -> float:
    """Return the width at which the parameter count is nearest to ``density`` times that of the network at ``width``.

    Raises ValueError if the density is outside (0, 1], or if no whole number of channels comes within a tenth of it.
    """
    if not 0 < density <= 1:
        raise ValueError(f"density is {density}, but must be above 0 and at most 1")
    full = parameter_count(name, num_classes, image_size=image_size, width=width, frames=frames)
    return width_for_parameters(
        name, num_classes, round(density * full), image_size=image_size, frames=frames, widest=width
    )


def width_for_parameters(
    name: str,
    num_classes: int,
    parameters: int,
    *,
    image_size: int = 32,
    frames: int | None = None,
    widest: float = 1.0,
) -> float:
    """Return the width up to ``widest`` at which the parameter count is nearest to ``parameters``.

    Raises ValueError if no whole number of channels comes within a tenth of that count.
    """
    # In steps of the resolution; the count grows with the width.
    below, above = 1, max(2, math.ceil(widest / RESOLUTION))
    counts: dict[int, int] = {}

    def count(steps: int) -> int:
        if steps not in counts:
            options = {"image_size": image_size, "width": steps * RESOLUTION, "frames": frames}
            counts[steps] = parameter_count(name, num_classes, **options)
        return counts[steps]

    while above - below > 1:
        middle = (below + above) // 2
        if count(middle) <= parameters:
            below = middle
        else:
            above = middle
    nearest = min((above, below), key=lambda steps: abs(count(steps) - parameters))
    if abs(count(nearest) - parameters) > TOLERANCE * parameters:
        raise ValueError(
            f"no width of model '{name}' has about {parameters:,} parameters: the nearest is {count(nearest):,} "
            f"at width {nearest * RESOLUTION:.4g}"
        )
    return nearest * RESOLUTION
