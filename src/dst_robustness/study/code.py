"""The code that decides the numbers of each step. When it changes, the parameters of the step change."""

from __future__ import annotations

from functools import cache
from typing import Any

from dst_robustness.corruptions import CONSTANTS, KNOWN_CORRUPTIONS, VIDEO_CORRUPTIONS
from dst_robustness.corruptions.video.parameters import KINETICS_C, UCF101_P
from dst_robustness.datasets import DATASETS
from dst_robustness.jobs.provenance import code_fingerprint
from dst_robustness.models import MODELS
from dst_robustness.models.sources import find_source
from dst_robustness.sparsity import METHODS
from dst_robustness.study.augmentations import AUGMENTATIONS

fingerprint = cache(code_fingerprint)
STORED_PIXELS = "dst_robustness.sets.jpeg"  # what samples look like once they are stored


@cache
def training_code(model: str, method: str, augmentation: str) -> list[str | None]:
    """Return fingerprints of the code of a training: the loop's, the method's, the network's."""
    modules = [
        STORED_PIXELS,
        "dst_robustness.training.loop",
        "dst_robustness.sparsity.training",
        METHODS.module(method),
    ]
    augmentations = map(AUGMENTATIONS.module, augmentation.split("+"))
    return [fingerprint(*modules, *augmentations, *_builder(model)), find_source(model).code]


def _builder(model: str) -> tuple[str, ...]:
    """Return the module that builds the network of a library or of a user's file."""
    return () if model in MODELS else ("dst_robustness.models.foreign",)


@cache
def evaluation_code(model: str) -> list[str | None]:
    """Return fingerprints of the code that tests a network."""
    evaluation = [f"dst_robustness.evaluation.{name}" for name in ("evaluate", "inference")]
    return [fingerprint(STORED_PIXELS, *evaluation, *_builder(model)), find_source(model).code]


def network_code(model: str) -> list[str | None]:
    """Return fingerprints of the code that reads a network from elsewhere."""
    return [fingerprint("dst_robustness.models.checkpoints", *_builder(model)), find_source(model).code]


def preparation_code(dataset_type: str) -> str:
    """Return a fingerprint of the code that reads and converts a registered data set."""
    return fingerprint(STORED_PIXELS, "dst_robustness.datasets.prepare", DATASETS.module(dataset_type))


def corruption_code(name: str, kind: str) -> str:
    """Return a fingerprint of the code of one corruption of ``images`` or ``clips``."""
    registry = VIDEO_CORRUPTIONS if kind == "clips" else KNOWN_CORRUPTIONS
    file = registry[name].place.partition(":")[0]
    return fingerprint(STORED_PIXELS, "dst_robustness.sets.corrupt", f"dst_robustness.corruptions.{file}")


def corruption_constants(name: str, kind: str) -> list[Any]:
    """Return the rows of one corruption in all tables of constants. A change of another row then reruns nothing."""
    tables = (*CONSTANTS.values(), *((KINETICS_C, UCF101_P) if kind == "clips" else ()))
    return [table.get(name) for table in tables]
