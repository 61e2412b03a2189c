"""Errors that are certain to come are reported before anything runs."""

import subprocess
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dst_robustness.study import foresight
from dst_robustness.study.configuration import read_study
from dst_robustness.study.foresight import foresee

TINY = {"methods": ["dense", "rigl"], "training": {"epochs": 2, "batch_size": 64}}


def look(folder: Path, dataset: str, options: dict[str, Any] | None = None, **changes: Any) -> None:
    from dst_robustness.study.grid import read_scenarios

    datasets = {dataset: options} if options is not None else {}
    entry = {"dataset": dataset, "model": "resnet8", **changes.pop("scenario", {})}
    study = read_study(
        {**TINY, "resources_dir": str(folder / "resources"), "datasets": datasets, "scenarios": [entry], **changes}
    )
    foresee(study, read_scenarios(study).values())


def pictures(folder: Path, *classes: str, count: int = 10) -> Path:
    import cv2

    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(folder / name / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))
    return folder


def test_a_training_too_short_for_one_topology_update_is_told(tmp_path: Path) -> None:
    """180 samples are 3 steps an epoch, 6 in all: updates end before step 4 and the first is due after step 100."""
    options = {"train_samples": 200}
    with pytest.raises(
        ValueError, match=r"no topology update of rigl .* training of 6 steps: .* after step 100, .* 4;"
    ):
        look(tmp_path, "digits", options, sparse_training={"update_interval": 100})
    look(tmp_path, "digits", options)  # the default interval fits
    prepared = tmp_path / "resources/digits/train.h5"
    prepared.parent.mkdir(parents=True)
    prepared.touch()
    with pytest.raises(ValueError, match="no topology update"):  # once the data are there, too
        look(tmp_path, "digits", options, sparse_training={"update_interval": 100})


def test_a_model_that_has_no_width_is_told_where_a_control_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects from hearing of it after the other methods were trained; a trained control is not asked for again."""

    def in_this_process(command: list[str], **_: Any) -> subprocess.CompletedProcess:
        try:
            exec(command[2])
        except ValueError:
            return subprocess.CompletedProcess(command, 1, "", traceback.format_exc())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(foresight.subprocess, "run", in_this_process)
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text("def build(num_classes, image_size):\n    ...\n")
    options = {"scenario": {"model": "nets.py:build"}, "methods": ["dense", "dense_small"], "results_dir": "results/a"}
    with pytest.raises(ValueError, match=r"scenario digits_nets.py_build: dense_small: .* takes no `width`"):
        look(tmp_path, "digits", **options)
    Path("results/a/runs/digits_nets.py_build/dense_small/0.1/seed0").mkdir(parents=True)
    look(tmp_path, "digits", **options)


def test_more_training_samples_than_there_are_is_told(tmp_path: Path) -> None:
    """200 samples less a tenth for validation leave 180."""
    options = {"train_samples": 200}
    look(tmp_path, "digits", options, training={"epochs": 2, "batch_size": 64, "train_samples": 180})
    with pytest.raises(ValueError, match=r"training.train_samples is 181, and digits has 180 for training"):
        look(tmp_path, "digits", options, training={"epochs": 2, "batch_size": 64, "train_samples": 181})


def test_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """The error does not wait until the other data sets are downloaded."""
    with pytest.raises(ValueError, match=r"^config: datasets.own.path: there is no .*nowhere$"):
        look(tmp_path, "own", {"type": "image_folder", "path": str(tmp_path / "nowhere")})
    with pytest.raises(ValueError, match=r"^config: frost_pictures: there is no folder .*nowhere$"):
        look(tmp_path, "digits", frost_pictures=str(tmp_path / "nowhere"))


def test_results_in_the_folder_of_the_data_are_told(tmp_path: Path) -> None:
    """Each call would find other files there than the one before, and train all networks again."""
    folder = pictures(tmp_path / "own", "cat", "dog")
    options = {"type": "image_folder", "path": str(folder), "train_samples": 200}
    with pytest.raises(ValueError, match=r"^config: results_dir: .*/own/results lies in the folder of datasets\.own, "):
        look(tmp_path, "own", options, results_dir=str(folder / "results"))
    look(tmp_path, "own", options, results_dir=str(tmp_path / "own_results"))
    look(tmp_path, "cifar10", {"path": str(tmp_path)}, results_dir=str(tmp_path / "results"))  # of the archive alone


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    """Snakemake ends in a traceback there."""
    (tmp_path / "old").touch()
    for key in ("results_dir", "resources_dir"):
        with pytest.raises(ValueError, match=rf"^config: {key}: .*/old is a file; give a folder$"):
            look(tmp_path, "digits", **{key: str(tmp_path / "old" / "study")})


def test_a_folder_of_one_class_is_told(tmp_path: Path) -> None:
    """It would be prepared and corrupted before the first training fails."""
    with pytest.raises(ValueError, match=r"^config: datasets.own.path: .*class"):
        look(
            tmp_path, "own", {"type": "image_folder", "path": str(pictures(tmp_path / "one", "cat")), "image_size": 32}
        )
    two = {"type": "image_folder", "path": str(pictures(tmp_path / "two", "cat", "dog")), "image_size": 32}
    look(tmp_path, "own", two)
    with pytest.raises(ValueError, match="no topology update"):
        look(tmp_path, "own", two, sparse_training={"update_interval": 2})


def test_a_published_set_that_lacks_a_corruption_is_told(tmp_path: Path) -> None:
    """The folder holds fog; contrast is tested, too."""
    folder = tmp_path / "published"
    folder.mkdir()
    np.save(folder / "fog.npy", np.zeros(1))
    changes = {"scenario": {"corruptions": ["fog", "contrast"]}}
    with pytest.raises(ValueError, match=r"datasets.cifar10_c.path: .* lacks contrast\. It has fog$"):
        look(tmp_path, "cifar10_c", {"path": str(folder)}, **changes)
    look(tmp_path, "cifar10_c", {"path": str(folder)}, scenario={"corruptions": ["fog"]})


def test_archives_that_are_needed_and_are_not_there_are_told(tmp_path: Path) -> None:
    """ImageNet-C comes in five archives; those of the corruptions that are tested are enough."""
    (tmp_path / "blur.tar").touch()
    found = {"path": str(tmp_path)}
    look(tmp_path, "imagenet_c", found, scenario={"corruptions": ["zoom_blur", "glass_blur"]})
    with pytest.raises(ValueError, match=r"lacks shot_noise, fog; needed: noise.tar, weather.tar. It has defocus_blur"):
        look(tmp_path, "imagenet_c", found, scenario={"corruptions": ["shot_noise", "zoom_blur", "fog"]})


def test_what_is_prepared_already_needs_no_source(tmp_path: Path) -> None:
    """An external disk may be unplugged once the data are in the resources."""
    raw = tmp_path / "resources/own/raw/acquired.json"
    raw.parent.mkdir(parents=True)
    raw.touch()
    (tmp_path / "resources/own/train.h5").touch()
    look(tmp_path, "own", {"type": "image_folder", "path": str(tmp_path / "nowhere")})


def test_a_control_whose_source_is_not_trained_at_its_sparsity_is_told(tmp_path: Path) -> None:
    """It would wait for masks that nobody makes."""
    changes = {
        "methods": ["dense", "rigl", "v"],
        "variants": {"v": {"method": "dst_frozen", "source": "rigl"}},
        "sparsities": [0.5],
    }
    with pytest.raises(
        ValueError, match=r"v is trained at sparsity 0\.3, and starts from the masks of rigl, which is no"
    ):
        look(tmp_path, "digits", sparsities_of={"v": [0.3]}, **changes)
