"""How a sparsity is distributed among the layers: uniform, Erdos-Renyi (ER) and Erdos-Renyi-Kernel (ERK).

Every distribution gives layer l a raw weight p_l and the density min(1, eps p_l). The factor eps is chosen so that the
whole network has the wanted density (Evci et al., "Rigging the Lottery", 2020, arXiv:1911.11134, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from torch import nn

from dst_robustness.registry import unknown_name
from dst_robustness.sparsity.maskable import maskable_weights
from dst_robustness.sparsity.masks import exact_counts

Shape = tuple[int, ...]

DISTRIBUTIONS: dict[str, Callable[[Shape], float]] = {
    "uniform": lambda shape: 1.0,
    "er": lambda shape: (shape[0] + shape[1]) / (shape[0] * shape[1]),
    "erk": lambda shape: sum(shape) / math.prod(shape),
}


def layer_densities(
    model: nn.Module,
    sparsity: float,
    distribution: str = "erk",
    *,
    dense_first: bool = False,
    dense_last: bool = False,
    exclude: Collection[str] = (),
) -> dict[str, float]:
    """Return the density of every maskable weight by parameter name, so that together they have the sparsity.

    ``exclude`` holds shell patterns of parameter names (``"layer1.*"``) that are neither masked nor counted.
    ``dense_first`` and ``dense_last`` keep the first and last maskable layer dense; the others become sparser instead.
    Raises ValueError for a sparsity outside [0, 1), for one that the dense layers make impossible, and for a pattern
    that matches no maskable weight.
    """
    check_sparsity(sparsity)
    shapes = {name: tuple(weight.shape) for name, weight in maskable_weights(model, exclude).items()}
    return distribute(shapes, 1 - sparsity, distribution, forced_dense(shapes, dense_first, dense_last))


def check_sparsity(sparsity: float) -> None:
    """Raise ValueError unless the sparsity is one number in [0, 1)."""
    if isinstance(sparsity, (str, list, tuple, dict)) or not 0 <= sparsity < 1:
        raise ValueError(f"sparsity is {sparsity!r}; allowed: one number for all layers, from 0 (dense) to below 1")


def forced_dense(names: Collection[str], first: bool, last: bool) -> set[str]:
    """Return the names of the first and the last layer, if they shall stay dense."""
    names = list(names)
    return set(names[:1] if first else ()) | set(names[-1:] if last else ())


def distribute(
    shapes: Mapping[str, Shape], density: float, distribution: str = "erk", dense: Collection[str] = ()
) -> dict[str, float]:
    """Return each layer's density for a total ``density`` in (0, 1], with the layers named in ``dense`` at 1.

    A layer whose density eps would raise above 1 becomes dense, and eps is solved again for the rest. Raises ValueError
    if the dense layers alone hold more weights than the density allows.
    """
    if distribution not in DISTRIBUTIONS:
        raise unknown_name("distribution", distribution, DISTRIBUTIONS)
    if density == 1:
        return dict.fromkeys(shapes, 1.0)
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    raw = {name: DISTRIBUTIONS[distribution](shape) for name, shape in shapes.items()}
    full = set(dense)
    while True:
        rest = [name for name in shapes if name not in full]
        room = density * sum(sizes.values()) - sum(sizes[name] for name in full)
        if not rest or room <= 0:
            held = sum(sizes[name] for name in full) / sum(sizes.values())
            raise ValueError(
                f"sparsity {1 - density:g} cannot be met with distribution '{distribution}': the layers kept dense "
                f"({', '.join(sorted(full))}) hold {held:.4f} of the weights, so it must be below {1 - held:.4f}"
            )
        eps = room / sum(raw[name] * sizes[name] for name in rest)
        over = {name for name in rest if raw[name] * eps > 1}
        if not over:
            return {name: 1.0 if name in full else raw[name] * eps for name in shapes}
        full |= over


def layer_counts(
    shapes: Mapping[str, Shape],
    density: float,
    distribution: str = "erk",
    dense: Collection[str] = (),
    limits: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Return each layer's number of active weights; they sum to the rounded share ``density`` of all weights.

    ``limits`` are upper limits for layers that rounding would raise above their size.

    Raises ValueError like ``distribute``, and if a layer would have no weight left.
    """
    densities = distribute(shapes, density, distribution, dense)
    sizes = [math.prod(shape) for shape in shapes.values()]
    quotas = [densities[name] * size for name, size in zip(shapes, sizes, strict=True)]
    caps = [(limits or {}).get(name, size) for name, size in zip(shapes, sizes, strict=True)]
    counts = dict(zip(shapes, exact_counts(quotas, round(density * sum(sizes)), caps), strict=True))
    empty = [f"{name} ({math.prod(shapes[name])} weights)" for name, count in counts.items() if count == 0]
    if empty:
        raise ValueError(
            f"sparsity {1 - density:g} with distribution '{distribution}' leaves no weight in {', '.join(empty)}"
        )
    return counts
