"""Check the methods, variants and training options that a study names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dst_robustness.registry import unknown_name
from dst_robustness.sparsity import METHODS
from dst_robustness.study.augmentations import AUGMENTATIONS, MIXINGS
from dst_robustness.study.ladder import Listed
from dst_robustness.study.options import Training, Variant


def check_recipe(training: Training) -> None:
    """Raise ValueError for an unknown augmentation or mixing."""
    for name in training.augmentation.split("+"):
        if name not in AUGMENTATIONS:
            raise unknown_name("training.augmentation", name, AUGMENTATIONS)
    if training.mixing not in MIXINGS:
        raise unknown_name("training.mixing", training.mixing, MIXINGS)


def check_warmup(method: str, options: Mapping[str, Any], optimizer: str) -> None:
    """Raise ValueError if grown weights are to warm up where their ages are not counted.

    Args:
        method: a listed method.
        options: its options of sparse training; none for a dense one.
        optimizer: the optimiser that trains it.
    """
    warmup = options.get("grown_warmup", 0)
    if warmup and (optimizer != "adamw" or options["grown_state"] == "plain"):
        raise ValueError(
            f"sparse_training.grown_warmup is {warmup} for {method}, which trains with optimizer {optimizer} and "
            f"grown_state '{options['grown_state']}'; allowed: 0, or a number of steps with adamw and 'own age'"
        )


def check_methods(listed: Listed, variants: dict[str, Variant], baseline: str) -> None:
    """Raise ValueError for an unknown method, for a missing baseline, or if the source of a control is missing.

    Args:
        listed: the methods of a scenario.
        variants: all variants of the study.
        baseline: the listed method that gains are measured against.
    """
    methods = listed.methods
    if baseline not in methods:
        raise ValueError(f"methods lack '{baseline}', the baseline that all others are compared with")
    for name in methods:
        if name not in METHODS and name not in variants | listed.variants:
            raise unknown_name("method", name, [*METHODS, *variants])
        if name in METHODS and METHODS[name].needs_masks:
            raise ValueError(
                f"method {name} needs a source: list a variant, as in rigl_frozen: {{method: {name}, source: rigl}}"
            )
    for name, variant in (variants | listed.variants).items():  # those that no scenario lists too
        if name in METHODS:
            raise ValueError(f"variant '{name}' has the name of a method; choose another")
        if variant.method not in METHODS:
            raise unknown_name(f"method of variant '{name}'", variant.method, METHODS)
    for name, variant in listed.variants.items():
        _check_source(name, variant, methods, baseline)
    bases = {name: name for name in METHODS} | {name: one.method for name, one in (variants | listed.variants).items()}
    sparse = [name for name, base in bases.items() if base in METHODS and METHODS[base].sparse]
    for name in listed.sparsities_of:
        if name not in sparse:
            raise unknown_name("method in sparsities_of", name, sparse)


def _check_source(name: str, variant: Variant, methods: Sequence[str], baseline: str) -> None:
    """Check that a variant names a source if, and only if, its method starts from the masks of another run."""
    if METHODS[variant.method].needs_masks != (variant.source is not None):
        needing = ", ".join(method for method in METHODS if METHODS[method].needs_masks)
        raise ValueError(f"variant '{name}': `source` goes with method {needing}, and {needing} needs it")
    others = [method for method in methods if method not in (baseline, name)]
    if variant.source is not None and variant.source not in others:
        raise unknown_name(f"source of variant '{name}'", variant.source, others)
