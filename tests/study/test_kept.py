"""Nobody loses days of networks without a word."""

import json
from importlib import metadata
from pathlib import Path

from dst_robustness.study.kept import (
    KEEP,
    OLDER,
    differences,
    kept_though_changed,
    of_an_older_layout,
    other_versions,
    trained_again,
)

RECIPE = {"model": "resnet8", "training": {"epochs": 3, "schedule": "step"}, "source": None}


def network(folder: Path, seed: int, content: object) -> Path:
    path = folder / f"seed{seed}"
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps(content))
    return path


def test_each_cause_is_one_line_with_the_number_of_networks(tmp_path: Path) -> None:
    """Two have other epochs, one the same recipe; one is not finished, and no loss."""
    longer = {**RECIPE, "training": {"epochs": 4, "schedule": "step"}}
    networks = [
        (network(tmp_path, 0, {"recipe": RECIPE}), longer, "code"),
        (network(tmp_path, 1, {"recipe": RECIPE}), longer, "code"),
        (network(tmp_path, 2, {"recipe": longer}), longer, "the code has changed"),
        (tmp_path / "seed3", longer, "code"),
    ]
    assert trained_again(networks) == [
        "2 finished networks will be trained again: training.epochs 3 -> 4.",
        "1 finished network will be trained again: the code has changed.",
        KEEP,
    ]
    assert trained_again(networks[3:]) == []


def test_networks_that_are_kept_though_the_options_changed_are_told(tmp_path: Path) -> None:
    """Snakemake has no record of trainings from an archive. A network without a recipe is not compared."""
    longer = {**RECIPE, "training": {"epochs": 4, "schedule": "step"}}
    networks = [
        (network(tmp_path, 0, {"recipe": RECIPE}), longer),
        (network(tmp_path, 1, {"recipe": longer}), longer),
        (network(tmp_path, 2, {}), longer),
        (tmp_path / "seed3", longer),
    ]
    assert kept_though_changed(networks[1:]) == []
    (line,) = kept_though_changed(networks)
    assert line.startswith("1 finished network will be kept, but the configuration says otherwise now: ")
    assert "training.epochs 3 -> 4. To train anew: --forcerun train_run." in line


def test_differences_name_the_option_and_both_values() -> None:
    """Entries of only one recipe count too. A run.json of an earlier version has no recipe."""
    assert differences(RECIPE, RECIPE) == []
    new = {"model": "vgg16", "training": {"epochs": 3, "mixing": "mixup"}, "source": None}
    assert differences(RECIPE, new) == [
        'model "resnet8" -> "vgg16"', 'training.mixing absent -> "mixup"', 'training.schedule "step" -> absent',
    ]  # fmt: skip
    assert differences(None, RECIPE) == [OLDER]


def test_another_version_of_a_library_is_one_line(tmp_path: Path) -> None:
    """Networks of its own, of the installed version, and unfinished ones are no reason for a line."""
    now = metadata.version("torchvision")
    networks = [
        (network(tmp_path, seed, {"versions": {"torchvision": version}}), model)
        for seed, (version, model) in enumerate(
            [
                ("0.1", "torchvision:resnet18"),
                ("0.1", "torchvision:vgg11"),
                (now, "torchvision:vgg11"),
                ("0.1", "vgg16"),
            ]
        )
    ]
    assert other_versions([*networks, (tmp_path / "seed9", "torchvision:vgg11")]) == [
        f"2 finished networks were built with torchvision 0.1; installed is {now}, which may build others."
    ]


def test_networks_of_an_older_layout_are_named(tmp_path: Path) -> None:
    """They are not read, and the user learns it once."""
    network(tmp_path / "runs/one/dense/0", 0, {})
    assert of_an_older_layout(tmp_path) is None
    network(tmp_path / "runs/digits/resnet8/dense/0", 0, {})
    assert f"{tmp_path}/runs holds networks of an earlier version" in of_an_older_layout(tmp_path)
