"""What a file says about its network, and networks that no training has made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import save_file  # noqa: E402

from dst_robustness.models import build_model  # noqa: E402
from dst_robustness.models.checkpoints import build_options, describe_checkpoint, load_checkpoint  # noqa: E402
from dst_robustness.models.weight_files import WeightsError  # noqa: E402


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"model": 5}, "a name"), ({"width": "wide"}, "a number above 0"), ({"width": True}, "a number above 0"),
        ({"image_size": -5}, "a whole number of at least 8 pixels"), ({"num_classes": 1}, "a whole number from 2 on"),
        ({"classes": "cats"}, "a list of different names"), ({"classes": ["a", "a"]}, "a list of different names"),
        ({"mean": "0.5"}, "a list of numbers"), ({"std": ["a"]}, "a list of numbers"),
        ({"arguments": [1]}, "a mapping"),
    ],
)  # fmt: skip
def test_what_a_file_says_is_checked_when_it_is_read(tmp_path: Path, said: dict[str, Any], expected: str) -> None:
    """A header may be anyone's; the line names the file, the key and what is allowed."""
    save_file(
        {"a": torch.zeros(1)}, tmp_path / "a.safetensors", {key: json.dumps(value) for key, value in said.items()}
    )
    with pytest.raises(
        WeightsError, match=rf"a.safetensors says that its {next(iter(said))} is .*; expected {expected}"
    ):
        describe_checkpoint(tmp_path / "a.safetensors")


def test_a_description_counts_for_its_own_model_alone() -> None:
    """The width of one architecture says nothing about another."""
    said = {"model": "resnet8", "width": 0.5, "arguments": {}}
    assert build_options(said, "resnet8") == {"width": 0.5, "arguments": None}
    assert build_options(said, "vgg16", 0.25) == {"width": 0.25, "arguments": None}


def test_a_network_that_answers_nan_is_refused(tmp_path: Path) -> None:
    """All weights are finite, but one variance is below zero; its answers would count as wrong ones."""
    state = build_model("resnet8", 3, image_size=16, width=0.25).state_dict()
    torch.save(state, tmp_path / "right.pt")
    options = {"image_size": 16, "width": 0.25}
    assert load_checkpoint(tmp_path / "right.pt", "resnet8", 3, **options).training
    torch.save(state | {"bn1.running_var": torch.full((4,), -1.0)}, tmp_path / "wrong.pt")
    with pytest.raises(WeightsError, match=r"wrong.pt: the network answers NaN"):
        load_checkpoint(tmp_path / "wrong.pt", "resnet8", 3, **options)


def test_a_network_that_ends_in_a_softmax_is_refused(tmp_path: Path) -> None:
    """Its accuracy would be right, but its calibration error and likelihood those of another softmax over it."""
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "def scores(num_classes):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))\n"
        "def shares(num_classes):\n"
        "    return nn.Sequential(*scores(num_classes), nn.Softmax(1))\n"
    )
    torch.save(build_model(f"{tmp_path}/own.py:scores", 3).state_dict(), tmp_path / "own.pt")
    load_checkpoint(tmp_path / "own.pt", f"{tmp_path}/own.py:scores", 3, image_size=8)
    with pytest.raises(ValueError, match=r"own.py:shares' returns probabilities.*; it must return class scores"):
        load_checkpoint(tmp_path / "own.pt", f"{tmp_path}/own.py:shares", 3, image_size=8)
