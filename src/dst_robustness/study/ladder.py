"""The ladder of controls: the further networks that a scenario trains to explain the gain of a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dst_robustness.registry import unknown_name
from dst_robustness.sparsity import METHODS
from dst_robustness.study.options import Scenario, Variant

SHARED_RUNGS = ("dense_small", "static")  # one for all methods of a scenario
OWN_RUNGS = {"shuffled": "dst_shuffled", "frozen": "dst_frozen"}  # they start from the masks of one method
CONTROLS = {*SHARED_RUNGS, *OWN_RUNGS.values()}


@dataclass(frozen=True)
class Listed:
    """The methods of a scenario with its controls, and the options of some of them."""

    methods: tuple[str, ...]
    sparsities_of: Mapping[str, tuple[float, ...]]
    variants: dict[str, Variant]


def with_controls(entry: Scenario, variants: Mapping[str, Variant]) -> Listed:
    """Return what a scenario trains: the methods that it lists, and the controls for each method of its ladder.

    Controls have the sparsities of the methods that they are for, and those with which they are listed.

    Args:
        entry: the scenario.
        variants: all variants of the study.

    Raises:
        ValueError: for a method of the ladder that is not listed, or is not dynamic sparse training.
    """
    methods = list(entry.methods)
    sparsities_of = {name: tuple(sparsities) for name, sparsities in entry.sparsities_of.items()}
    listed = {name: variants[name] for name in methods if name in variants}
    for method in entry.ladder:
        if method not in entry.methods:
            raise unknown_name("method in ladder", method, entry.methods)
        base = listed[method].method if method in listed else method
        if base not in METHODS or not METHODS[base].dst:
            raise ValueError(f"ladder: {method} is not dynamic sparse training, so there is no gain to explain")
        wanted = sparsities_of.get(method, tuple(entry.sparsities))
        controls = [*SHARED_RUNGS]
        for word, control in OWN_RUNGS.items():
            same = [name for name, one in listed.items() if (one.method, one.source) == (control, method)]
            controls.append(same[0] if same else f"{method}_{word}")
            listed.setdefault(controls[-1], Variant(method=control, source=method))
        for name in controls:
            before = sparsities_of.get(name, tuple(entry.sparsities)) if name in methods else ()
            sparsities_of[name] = tuple(dict.fromkeys((*before, *wanted)))
            methods += [name] if name not in methods else []
    return Listed(tuple(methods), sparsities_of, listed)
