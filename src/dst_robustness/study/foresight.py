"""Find errors before anything runs that would otherwise stop a study after hours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from dst_robustness.datasets.corrupted import check_holds
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet
from dst_robustness.models import MODELS
from dst_robustness.models.sources import CLIPS
from dst_robustness.sparsity import METHODS
from dst_robustness.sparsity.schedules import default_interval
from dst_robustness.study.data import VALIDATION_FRACTION, data_options, spec_of
from dst_robustness.study.grid import Scenario
from dst_robustness.study.options import Study


def foresee(study: Study, scenarios: Iterable[Scenario]) -> None:
    """Raise ValueError, in one line, if the configuration and the user's own files show that the study will fail.

    The user's own files are not looked at once they are acquired and prepared, since they may be gone.
    """
    check_folders(study)
    for scenario in scenarios:
        check_sources(scenario)
        check_width(scenario, study)
        for dataset in dict.fromkeys((scenario.trained_on, scenario.dataset)):
            check_place(dataset, study)
            if not Path(study.resources_dir, dataset, "raw/acquired.json").exists():
                check_path(dataset, study, scenario.corruptions)
        is_prepared = Path(study.resources_dir, scenario.trained_on, "train.h5").exists()
        if not (is_prepared and spec_of(scenario.trained_on, study).needs_folder):
            check_updates(scenario, training_samples(scenario.trained_on, study))
    if study.frost_pictures and not Path(study.frost_pictures).is_dir():
        raise ValueError(f"config: frost_pictures: there is no folder {study.frost_pictures}")


def check_folders(study: Study) -> None:
    """Raise ValueError if a file is where a folder of the study is to be."""
    for key in ("results_dir", "resources_dir"):
        path = Path(getattr(study, key))
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not there.is_dir():
            raise ValueError(f"config: {key}: {there} is a file; give a folder")


def check_sources(scenario: Scenario) -> None:
    """Raise ValueError if a control starts from the masks of a run that the scenario does not have."""
    for run in scenario.trained_runs:
        for source in scenario.sources(run):
            if source not in scenario.trained_runs:
                raise ValueError(
                    f"config: scenario {scenario.name}: {run.method} is trained at sparsity {run.sparsity:g}, and "
                    f"starts from the masks of {source.method}, which is not; give both the same sparsities"
                )


def check_width(scenario: Scenario, study: Study) -> None:
    """Raise ValueError if a control needs a narrower network than the model's library or file can build.

    Only building it can tell. So another process, which imports torch, builds it, until the first control is trained.
    """
    controls = [run for run in scenario.trained_runs if METHODS[run.base_method].scales_width]
    if not controls or scenario.model in MODELS or Path(study.results_dir or "", controls[0].folder).exists():
        return
    spec = spec_of(scenario.trained_on, study)
    options = {"image_size": spec.image_size, "width": scenario.width / 2}
    options |= {"frames": spec.sample_shape[0]} if spec.kind == CLIPS else {}
    command = f"from dst_robustness.models.width import build_unallocated as b; b({scenario.model!r}, 10, **{options})"
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    error = result.stderr.strip().splitlines()[-1:] if result.returncode else []
    if error and error[0].startswith("ValueError: "):  # any other says more of this machine than of the study
        said = error[0].removeprefix("ValueError: ")
        raise ValueError(f"config: scenario {scenario.name}: {controls[0].method}: {said}")


def check_place(dataset: str, study: Study) -> None:
    """Raise ValueError if results are written into a folder of data, where they change what is read at each call."""
    path, spec = data_options(dataset, study).get("path"), spec_of(dataset, study)
    if not path or not Path(path).is_dir() or not spec.is_unpacked or not spec.is_unpacked(Path(path)):
        return
    if Path(str(study.results_dir)).resolve().is_relative_to(Path(path).resolve()):
        raise ValueError(
            f"config: results_dir: {study.results_dir} lies in the folder of datasets.{dataset}, {path}, so that the "
            "results would be taken for data; give another folder"
        )


def check_path(dataset: str, study: Study, corruptions: Iterable[str]) -> None:
    """Raise ValueError if the path of a data set does not exist, or lacks corruptions that are tested."""
    path = data_options(dataset, study).get("path")
    if path is None or "://" in path:
        return
    if not Path(path).exists():
        raise ValueError(f"config: datasets.{dataset}.path: there is no {path}")
    spec = spec_of(dataset, study)
    if spec.corrupted_from and Path(path).is_dir():
        try:
            check_holds(Path(path), spec, tuple(corruptions))
        except ValueError as error:
            raise ValueError(f"config: datasets.{dataset}.path: {error}") from None


def training_samples(dataset: str, study: Study) -> int | None:
    """Return the number of training samples if the options or the user's folder show it, else None.

    Raises ValueError if the user's folder cannot be read as a data set, or holds fewer than two classes.
    """
    spec, options = spec_of(dataset, study), data_options(dataset, study)
    count, validation = options.get("train_samples"), None
    if spec.needs_folder and spec.read and "path" in options:
        raw = read_folder(spec, options["path"], dataset)
        count, validation = count or len(raw.train.labels), raw.validation
    elif count is None and spec.default_samples:
        count = spec.default_samples[0]
    if count is None or validation is not None:
        return count
    return count - round(options.get("validation_fraction", VALIDATION_FRACTION) * count)


def read_folder(spec: DatasetSpec, path: str, dataset: str) -> RawSet:
    """Read the user's folder. Raises ValueError if it is not a data set of at least two classes."""
    try:
        raw = spec.read(spec, Acquired(folder=Path(path)))  # type: ignore[misc]  # asked before
    except ValueError as error:
        raise ValueError(f"config: datasets.{dataset}.path: {error}") from None
    if len(raw.classes) < 2:
        raise ValueError(
            f"config: datasets.{dataset}.path: {path} holds one class, '{raw.classes[0]}'; at least two are needed"
        )
    return raw


def check_updates(scenario: Scenario, available: int | None) -> None:
    """Raise ValueError if a training needs more samples than there are, or is too short for a topology update.

    Args:
        scenario: the scenario.
        available: number of samples in the training split, or None if it is not known.
    """
    for method in scenario.methods:
        training = scenario.training_of(method)
        samples, size = training.train_samples or available, training.batch_size
        if samples is None:
            continue
        if available is not None and samples > available:
            raise ValueError(
                f"config: scenario {scenario.name}: training.train_samples is {samples}, and {scenario.trained_on} has "
                f"{available} for training"
            )
        steps = training.epochs * max(1, samples // size + (samples % size >= 2))
        if not METHODS[scenario.run(method, 0, 0).base_method].dynamic:
            continue
        options = scenario.sparse_options(method)
        first = options["first_update"] or options["update_interval"] or default_interval(steps)
        end = round(options["last_update"] * steps)
        if first >= end:
            raise ValueError(
                f"config: scenario {scenario.name}: no topology update of {method} fits into the training of {steps} "
                f"steps: the first is due after step {first}, and they end before step {end}; lower update_interval or "
                "first_update, or train longer"
            )
