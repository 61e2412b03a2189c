"""``dst-robustness evaluate``: checkpoints on a folder of images, without the workflow."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from dst_robustness.__main__ import main  # noqa: E402

OWN = """
from collections import OrderedDict
from torch import nn

def build(num_classes):
    return nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(3, num_classes)))
"""
SCALE = ["--mean", "0.5", "0.5", "0.5", "--std", "0.5", "0.5", "0.5"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Dark and bright images in two class folders, and two networks: one that tells them apart, one that turns them."""
    monkeypatch.chdir(tmp_path)
    for name, level in (("bright", 190), ("dark", 60)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((20, 24, 3), level + 5 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    (tmp_path / "nets.py").write_text(OWN)
    right = {"fc.weight": torch.tensor([[1.0] * 3, [-1.0] * 3]), "fc.bias": torch.zeros(2)}
    torch.save({"model": OrderedDict((f"module.{name}", value) for name, value in right.items())}, "right.pt")
    said = {"model": "nets.py:build", "num_classes": 2, "image_size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}
    header = {key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()}
    # The same network with its classes in another order, which the header tells.
    turned = {name: value.flip(0).contiguous() for name, value in right.items()}
    save_file(turned, "turned.safetensors", header | {"classes": json.dumps(["dark", "bright"])})
    return tmp_path


def test_checkpoints_are_tested_and_compared(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that says nothing of itself needs options; one that does has its classes matched with folders by name."""
    command = ["evaluate", "right.pt", "turned.safetensors", "--images", "images", "--corruptions", "brightness,fog"]
    assert main([*command, "--model", "nets.py:build", *SCALE, "--size", "16", "--out", "table.csv"]) == 0
    told = capsys.readouterr().out
    assert "right: clean 100.00%" in told
    assert "turned: clean 100.00%" in told
    assert "gain over right +0.00 points [+0.00, +0.00] over test images" in told
    assert "not of the methods that trained them" in told
    table = pd.read_csv(place / "table.csv")
    assert list(table.groupby("network").size()) == [11, 11]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["right.pt"], "does not say how it was trained: give --model"),
        (["right.pt", "--model", "nets.py:build"], "give --mean"),
        (["right.pt", "--model", "nets.py:biuld", *SCALE], "Did you mean 'build'"),
        (["right.pt", "--model", "resnet8", *SCALE, "--size", "16"], "right.pt does not fit the network"),
        (["right.pt", "none.pt", "--model", "nets.py:build", *SCALE], "there is no checkpoint none.pt"),
        (["right.pt", "--model", "nets.py:build", *SCALE[:4], "--std", "60", "60", "60"], "std is [60.0, 60.0, 60.0];"),
        (["turned.safetensors", "--out", "images"], "--out is images, a folder"),
        (["turned.safetensors", "--out", "table.xlsx"], "--out is table.xlsx, but the table is CSV"),
        (["turned.safetensors", "--out", "right.pt/a.csv"], "--out is right.pt/a.csv, but right.pt is no folder"),
        (["turned.safetensors", "--severities", "2-"], "--severities is 2-"),
        (["turned.safetensors", "--corruptions", "fgo"], "Did you mean 'fog'"),
        (["turned.safetensors", "--family", "cifr"], "Did you mean 'cifar'"),
    ],
)
def test_what_is_wrong_is_one_line(place: Path, capsys: pytest.CaptureFixture[str], options, message) -> None:
    """Protects strangers from stack traces of torch."""
    assert main(["evaluate", *options, "--images", "images"]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_of_a_class_that_the_network_does_not_have_is_named(place: Path, capsys) -> None:
    """Protects from labels that mean something else to the network."""
    (place / "images" / "dark").rename(place / "images" / "drak")
    assert main(["evaluate", "turned.safetensors", "--images", "images"]) == 1
    assert "Did you mean 'dark'" in capsys.readouterr().err


def test_the_width_in_a_file_is_that_of_the_model_in_it(place: Path, capsys) -> None:
    """A file that was exported of a narrow network may hold what another model, given by --model, takes as it is."""
    said = {"model": "resnet8", "width": "0.5", "num_classes": "2", "image_size": "16", "mean": "[0.5, 0.5, 0.5]"}
    right = torch.load(place / "right.pt", weights_only=True)["model"]
    weights = {name.removeprefix("module."): value for name, value in right.items()}
    save_file(weights, "narrow.safetensors", said | {"std": "[0.5, 0.5, 0.5]"})
    command = ["evaluate", "narrow.safetensors", "--images", "images", "--corruptions", "fog"]
    assert main([*command, "--model", "nets.py:build"]) == 0
    assert "narrow: clean 100.00%" in capsys.readouterr().out


def test_networks_for_images_of_several_sizes_need_one_to_be_compared_at(place: Path, capsys) -> None:
    """Images that are resized in two ways are not the same images, and the constants of a corruption go by size."""
    said = {"model": "nets.py:build", "num_classes": "2", "mean": "[0.5, 0.5, 0.5]", "std": "[0.5, 0.5, 0.5]"}
    save_file(
        {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}, "large.safetensors", said | {"image_size": "64"}
    )
    command = ["evaluate", "turned.safetensors", "large.safetensors", "--images", "images", "--corruptions", "fog"]
    assert main(command) == 1
    assert "turned.safetensors for 16, large.safetensors for 64; give --size" in capsys.readouterr().err
    assert main([*command, "--size", "16"]) == 0


def test_class_folders_are_not_taken_for_the_first_classes(place: Path, capsys) -> None:
    """A network of more classes than folders that does not name them has no known order."""
    said = {"model": "nets.py:build", "num_classes": "3", "mean": "[0.5, 0.5, 0.5]", "std": "[0.5, 0.5, 0.5]"}
    save_file({"fc.weight": torch.ones(3, 3), "fc.bias": torch.zeros(3)}, "three.safetensors", said)
    assert main(["evaluate", "three.safetensors", "--images", "images", "--size", "16", "--corruptions", "fog"]) == 1
    assert "three.safetensors has 3 classes without names, so which of them the 2 class" in capsys.readouterr().err
