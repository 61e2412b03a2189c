"""The data sets of a study: their facts, the networks and corruptions that fit them, and the options of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dst_robustness.corruptions import BENCHMARK_CORRUPTIONS, VIDEO_CORRUPTIONS, choose_corruptions, image_suites
from dst_robustness.corruptions.video.clips import SUITES
from dst_robustness.datasets import DATASETS, SPEC_OPTIONS, DatasetSpec, dataset_spec
from dst_robustness.datasets.corrupted import files_for
from dst_robustness.jobs.shown import Address
from dst_robustness.models import MODELS
from dst_robustness.models.sources import find_source
from dst_robustness.registry import unknown_name
from dst_robustness.study.options import Dataset, Study

# The options of a data set that each step takes.
ACQUIRE = ("addresses", "checksum", "path")
PREPARE = ("train_samples", "test_samples", "validation_fraction", "seed")
SPEC = ("type", *SPEC_OPTIONS)
SIZES = {"cifar": "up to 48", "tiny_imagenet": "49 to 112", "imagenet": "113 or more"}  # by DatasetSpec.family
VALIDATION_FRACTION = 0.1  # default share of the training samples


def data_options(dataset: str, study: Study, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the options of a data set that a study sets: all, or those with the given names."""
    own = study.datasets.get(dataset, Dataset()).model_dump(exclude_none=True)
    return own if names is None else {name: own[name] for name in names if name in own}


def acquire_options(dataset: str, study: Study) -> dict[str, Any]:
    """Return the options for acquiring a data set. No secret of an address gets into Snakemake's records."""
    options = data_options(dataset, study, ACQUIRE)
    addresses = options.get("addresses")
    return options | ({"addresses": [Address(address) for address in addresses]} if addresses else {})


def files_of(dataset: str, study: Study, corruptions: Sequence[str]) -> tuple[str, ...] | None:
    """Return the files of a published corrupted set that these corruptions need, or None for other sets."""
    spec = spec_of(dataset, study)
    return files_for(spec, corruptions) if spec.corrupted_from else None


def list_of_tests(dataset: str, study: Study) -> str | None:
    """Return the file that lists the test samples of a data set, or None."""
    chosen = study.datasets.get(dataset, Dataset()).test_samples
    return chosen if isinstance(chosen, str) else None


def frost_pictures(corruption: str, study: Study) -> str | None:
    """Return the folder of frost images, but only for the corruption that uses them."""
    return study.frost_pictures if corruption == "frost" else None


def type_of(dataset: str, study: Study) -> str:
    """Return the registered data set behind a name, which may be the user's own name."""
    own = study.datasets.get(dataset)
    if own and own.type is None and dataset not in DATASETS:
        raise ValueError(
            f"datasets.{dataset} lacks the key 'type', which says what data set it is, such as image_folder. "
            f"Allowed: {', '.join(DATASETS)}"
        )
    if own and own.type is not None and own.type not in DATASETS:
        raise unknown_name(f"datasets.{dataset}.type", own.type, DATASETS)
    found = own.type if own and own.type else dataset
    if found not in DATASETS:
        raise unknown_name("dataset", found, [*study.datasets, *DATASETS])
    return found


def spec_of(dataset: str, study: Study) -> DatasetSpec:
    """Return the spec of a data set. Raises ValueError for an unknown name, or an option that it does not have."""
    kind = type_of(dataset, study)
    spec = dataset_spec(dataset, data_options(dataset, study, SPEC))
    for key in () if spec.files else data_options(dataset, study, ACQUIRE):
        if not spec.needs_folder:
            raise ValueError(
                f"datasets.{dataset}.{key}: {kind} is made here and reads no files; for your own, give `type`, such as "
                "image_folder"
            )
        if key != "path":
            raise ValueError(f"datasets.{dataset}.{key}: {kind} is read where it is, not fetched; allowed: path")
    return spec


def facts(dataset: str, study: Study) -> dict[str, Any]:
    """Return a data set's own values for options that the study does not set."""
    spec = spec_of(dataset, study)
    found = {name: getattr(spec, name) for name in SPEC_OPTIONS if hasattr(spec, name)}
    if spec.default_samples:
        found |= dict(zip(("train_samples", "test_samples"), spec.default_samples, strict=True))
    return found


def notes(dataset: str, study: Study) -> list[str]:
    """Return further facts about a data set, in words."""
    spec = spec_of(dataset, study)
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (spec.mean, spec.std))
    lines = [f"{dataset}: {spec.kind} of {spec.image_size} pixels, normalised with mean {mean} and std {std}"]
    if spec.kind == "images" and spec.corrupted_from is None:
        lines.append(f"{dataset}: corrupted with the constants of the family {spec.family}, by its size")
    if spec.corrupted_from is None and "validation_fraction" not in data_options(dataset, study):
        lines.append(f"{dataset}: {VALIDATION_FRACTION:.0%} of the training samples are for validation, by default")
    return lines


def data_trained_on(dataset: str, study: Study) -> str:
    """Return the data set on which the networks are trained: itself, or the origin of a published corrupted set."""
    spec, trained_on = DATASETS[type_of(dataset, study)], data_options(dataset, study).get("trained_on")
    if spec.shifted_from is not None:
        raise ValueError(
            f"{dataset} is a set of natural shift without severities; list it under `shifts` of a scenario whose "
            f"dataset is {spec.shifted_from}"
        )
    if spec.corrupted_from is None:
        if trained_on is not None:
            raise ValueError(
                f"datasets.{dataset}.trained_on is for published corrupted test sets, not for a {spec.name}"
            )
        return dataset
    trained_on = trained_on or spec.corrupted_from
    if idle := data_options(dataset, study, PREPARE):
        raise ValueError(
            f"datasets.{dataset}.{next(iter(idle))}: {dataset} is cut to the test split of {trained_on}; write it "
            f"under datasets.{trained_on}"
        )
    names = dict.fromkeys([*study.datasets, *DATASETS])
    trainable = [name for name in names if not DATASETS[type_of(name, study)].corrupted_from]
    if trained_on not in trainable:
        raise unknown_name(f"datasets.{dataset}.trained_on", trained_on, trainable)
    return trained_on


def check_shifts(shifts: Sequence[str], trained_on: str, study: Study) -> tuple[str, ...]:
    """Return sets of natural shift. Raises ValueError if one is not such a set, or is not for these networks."""
    type_trained_on = type_of(trained_on, study)
    allowed = [name for name in dict.fromkeys([*study.datasets, *DATASETS]) if _shifted_from(name, study)]
    for name in shifts:
        if name not in allowed:
            raise unknown_name("set of natural shift", name, allowed)
        if _shifted_from(name, study) != type_trained_on:
            raise ValueError(
                f"shifts: {name} is for networks that are trained on {_shifted_from(name, study)}, not on {trained_on}"
            )
    return tuple(shifts)


def _shifted_from(dataset: str, study: Study) -> str | None:
    return DATASETS[type_of(dataset, study)].shifted_from


def check_model(model: str, spec: DatasetSpec) -> None:
    """Raise ValueError if a model is unknown, or does not take the samples of a data set."""
    kind = find_source(model).kind
    if kind is not None and kind != spec.kind:
        fitting = [name for name in MODELS if find_source(name).kind == spec.kind]
        raise ValueError(
            f"model '{model}' does not take the {spec.kind} of '{spec.name}'. Allowed: {', '.join(fitting)}"
        )


def chosen_corruptions(chosen: str | Sequence[str], spec: DatasetSpec) -> tuple[str, ...]:
    """Return the chosen corruptions of a data set, in the order of the benchmark.

    Raises ValueError, which names what is allowed. If a suite exists only for other sizes, it names these sizes.
    """
    suites = _suites(spec)
    if suite := next((name for name in chosen if name in suites and not isinstance(chosen, str)), None):
        raise ValueError(f"corruptions lists '{suite}', which is a suite; write corruptions: {suite}, or names alone")
    if spec.kind == "images" and spec.corrupted_from is None:
        allowed = list(suites) if isinstance(chosen, str) else _names(suites)
        for name in [chosen] if isinstance(chosen, str) else chosen:
            sizes = [
                SIZES[family] for family in SIZES if name in {*image_suites(family), *_names(image_suites(family))}
            ]
            if name not in allowed and sizes:
                raise ValueError(
                    f"corruptions: '{name}' exists for images of {' and of '.join(sizes)} pixels, {spec.name} has "
                    f"{spec.image_size}. Allowed: {', '.join(allowed)}"
                )
    return choose_corruptions(chosen, suites)


def _names(suites: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the corruptions of all suites, each once."""
    return list(dict.fromkeys(name for names in suites.values() for name in names))


def _suites(spec: DatasetSpec) -> dict[str, list[str]]:
    """Return the corruptions of each suite that fits a data set. All of these may be listed."""
    suites: dict[str, list[str]] = {}
    if spec.kind == "clips":
        suites["all"] = [name for name, corruption in VIDEO_CORRUPTIONS.items() if corruption.suite in SUITES]
        for name, corruption in VIDEO_CORRUPTIONS.items():
            suites.setdefault(corruption.suite, []).append(name)
        return suites
    if spec.corrupted_from is None:
        return image_suites(spec.family)
    suites["all"] = list(spec.corruptions)  # a published set has what it has
    if set(BENCHMARK_CORRUPTIONS) <= set(spec.corruptions):
        suites["benchmark"] = list(BENCHMARK_CORRUPTIONS)
    return suites
