"""Networks of libraries and trained weights in the training loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dst_robustness.models import build_model
from dst_robustness.models.foreign import library_arguments
from dst_robustness.models.tensor_files import load_tensors, save_tensors
from dst_robustness.training.build import start_network
from dst_robustness.training.export import export_run


def trained() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    state = build_model("resnet8", 2, image_size=8).state_dict()
    return {name: value for name, value in state.items() if "running" not in name and "num_batches" not in name}


@pytest.mark.parametrize(("method", "sparsity"), [("dense", 0.0), ("static", 0.5)])
def test_training_starts_from_trained_weights(tmp_path, train, options, capsys, method, sparsity) -> None:
    """Protects fine-tuning: with next to no learning rate the weights stay those of the file, where they are active."""
    state = build_model("resnet8", 2, image_size=8).state_dict() | trained()
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "start.safetensors")
    own = {"initial_weights": str(tmp_path / "start.safetensors"), "learning_rate": 1e-12, "epochs": 1}
    train(tmp_path / "run", method, sparsity, options.model_copy(update=own))
    found, masks = load_tensors(tmp_path / "run" / "model.pt"), load_tensors(tmp_path / "run" / "masks.pt")
    for name, value in trained().items():
        expected = value * masks[name] if name in masks else value
        torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-6)
    assert "starting from" in capsys.readouterr().out


def test_another_number_of_classes_is_said(tmp_path, train, options, capsys) -> None:
    """The class head is replaced, and the log says which tensors are fresh."""
    torch.save(build_model("resnet8", 5, image_size=8).state_dict(), tmp_path / "five.pt")
    own = {"initial_weights": str(tmp_path / "five.pt"), "epochs": 1}
    train(tmp_path / "run", "dense", 0.0, options.model_copy(update=own))
    assert "fresh, for 2 classes: fc.weight, fc.bias" in capsys.readouterr().out


@pytest.mark.parametrize(("classes", "fresh"), [(["cat", "dog"], True), (["bright", "dark"], True), (None, False)])
def test_as_many_other_classes_are_told_by_what_the_file_says(tmp_path, capsys, classes, fresh) -> None:
    """Otherwise the head of cats and dogs would be the start for dark and bright, without a word."""
    state = {name: value.contiguous() for name, value in build_model("resnet8", 2, image_size=8).state_dict().items()}
    save_file(state, tmp_path / "start.safetensors", {"classes": json.dumps(classes)} if classes else None)
    network = build_model("resnet8", 2, image_size=8)
    head = network.fc.weight.detach().clone()
    start_network(network, tmp_path / "start.safetensors", ["dark", "bright"])
    assert ("fresh, for 2 classes: fc.weight, fc.bias" in capsys.readouterr().out) == fresh
    assert torch.equal(network.fc.weight, head) == fresh
    assert torch.equal(network.conv1.weight, state["conv1.weight"])


def test_an_export_is_loaded_with_timm_and_safetensors_alone(tmp_path: Path) -> None:
    """Protects strangers: the header says how timm builds the network, which then answers the same."""
    timm = pytest.importorskip("timm")
    from safetensors import safe_open

    torch.manual_seed(0)
    network = build_model("timm:test_vit", 3, image_size=32, width=0.5).eval()
    save_tensors(tmp_path / "model.pt", network.state_dict())
    said = {
        "model": "timm:test_vit", "num_classes": 3, "image_size": 32, "width": 0.5,
        "arguments": library_arguments(network), "mean": [0.5] * 3, "std": [0.25] * 3, "classes": ["a", "b", "c"],
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(said))
    with safe_open(export_run(tmp_path), "pt") as file:
        header = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    name = header["model"].removeprefix("timm:")
    alone = timm.create_model(name, num_classes=int(header["num_classes"]), **json.loads(header["arguments"])).eval()
    alone.load_state_dict(weights)
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(network(images), alone(images))
    assert json.loads(header["mean"]) == [0.5] * 3
    assert json.loads(header["classes"]) == ["a", "b", "c"]
