"""Trained weights from files as people have them."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dst_robustness.models.weight_files import WeightsError
from dst_robustness.models.weights import load_weights, start_from


def network(classes: int = 3) -> nn.Module:
    layers = OrderedDict(conv=nn.Conv2d(3, 2, 1), norm=nn.BatchNorm2d(2), flat=nn.Flatten(), fc=nn.Linear(2, classes))
    return nn.Sequential(layers)


def trained(value: float = 0.5, classes: int = 3) -> dict[str, torch.Tensor]:
    state = network(classes).state_dict()
    return {name: torch.full_like(t, value) if t.is_floating_point() else t for name, t in state.items()}


def prefixed(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in state.items()}


def without(name: str) -> dict[str, torch.Tensor]:
    return {other: value for other, value in trained().items() if other != name}


HALF = {name: value.half() if value.is_floating_point() else value for name, value in trained().items()}
OLD = {name: value for name, value in trained().items() if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize(
    "content",
    [
        trained(),
        HALF,
        OLD,
        prefixed("module.", trained()),
        prefixed("_orig_mod.", trained()),
        prefixed("module._orig_mod.", trained()),
        {"state_dict": trained(), "epoch": 3, "best": 0.9},
        {"model": trained(), "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}},
        {"state_dict": prefixed("net.", trained()) | {"loss.weight": torch.ones(3)}},
        {"model": trained(9.0), "model_ema": {"n_averaged": torch.tensor(5)} | prefixed("module.", trained())},
        {"state_dict": prefixed("model.", trained(9.0)) | prefixed("ema_model.", trained())},
        {"a": {"b": {"weights": trained()}}},
        {name.replace("conv", "conv._checkpoint_wrapped_module"): value for name, value in trained().items()},
        without("conv.weight") | {"conv.weight_orig": torch.full((2, 3, 1, 1), 0.5), "conv.weight_mask": torch.ones(1)},
        {"teacher": {name: torch.ones(7) for name in trained()}, "student": trained()},
        prefixed("teacher.", trained(9.0, classes=5)) | prefixed("student.", trained()),
        prefixed("net.", trained()) | prefixed("loss.net.", trained()),
        trained() | prefixed("_orig_mod.", trained()),
    ],
)
def test_weights_are_found_wherever_people_keep_them(tmp_path: Path, content: dict) -> None:
    """Protects checkpoints of other programs: wrappers, larger files, moving averages, half precision."""
    torch.save(content, tmp_path / "theirs.pt")
    ours = network()
    load_weights(ours, tmp_path / "theirs.pt", 3)
    assert all(bool((value == 0.5).all()) and value.dtype == torch.float32 for value in ours.parameters())


def test_safetensors_are_told_by_content_and_names_with_module_may_be_the_networks_own(tmp_path: Path) -> None:
    """The ending of a file says nothing; a network may itself call a part ``module``."""
    wrapped = nn.ModuleDict({"module": network()})
    save_file(prefixed("module.", trained()), tmp_path / "model.bin")
    load_weights(wrapped, tmp_path / "model.bin", 3)
    load_weights(network(), tmp_path / "model.bin", 3)
    assert bool((wrapped["module"].fc.bias == 0.5).all())


BAD = [
    (without("conv.weight"), r"lacks conv.weight \[2, 3, 1, 1\]"),
    (trained() | {"conv.gain": torch.ones(2)}, r"has conv.gain \[2\], which the network lacks"),
    (
        trained() | {"conv.weight": torch.ones(4, 3, 1, 1)},
        r"has conv.weight \[4, 3, 1, 1\], the network \[2, 3, 1, 1\]",
    ),
    (trained(classes=5), r"a network of 5 classes \(fc.weight\), not of 3"),
    (trained(float("nan")), "conv.weight holds 6 values that are NaN or infinite"),
    (trained() | {"fc.weight": torch.ones(3, 2, dtype=torch.int8)}, "fc.weight is torch.int8"),
    (trained() | {"fc.weight": torch.ones(3, 2, device="meta")}, "fc.weight was saved from the meta device"),
    ({"a": trained(), "b": trained()}, "several sets of weights: a, b; keep one"),
    (
        {"state_dict": prefixed("teacher.", trained(9.0)) | prefixed("student.", trained())},
        r"several sets of weights: state_dict, teacher\.\*, state_dict, student\.\*; keep one",
    ),
    (trained() | prefixed("module.", trained(9.0)), "has module.conv.weight .*, which the network lacks"),
    ({"epoch": 3}, "no tensors by name, but: epoch"),
    ([1, 2], "holds a list, not a state_dict"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, content: object, message: str) -> None:
    """Protects from a network that is silently half fresh, and the network from being changed by a refused file."""
    torch.save(content, tmp_path / "theirs.pt")
    ours = network()
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    with pytest.raises(WeightsError, match=message):
        load_weights(ours, tmp_path / "theirs.pt", 3)
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


class RunsCode:
    def __reduce__(self) -> tuple:
        return print, ("code ran",)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects the machine from a stranger's file: whole networks and pickles with functions, in any layout."""
    torch.save({"model": trained(), "args": RunsCode()}, tmp_path / "pickle.pt")
    torch.save(network(), tmp_path / "network.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(RunsCode()))
    for name in ("pickle.pt", "network.pt", "plain.pt"):
        with pytest.raises(WeightsError, match=r"run its code|no file of torch.save"):
            load_weights(network(), tmp_path / name, 3)
    assert capsys.readouterr().out == ""


def test_damaged_files_are_named(tmp_path: Path) -> None:
    """An empty, a truncated, a foreign and a missing file give one line each, with the path."""
    torch.save(trained(), tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    save_file(trained(), tmp_path / "whole.safetensors")
    files = {
        "empty.pt": b"",
        "cut.pt": whole[: len(whole) // 2],
        "cut.safetensors": (tmp_path / "whole.safetensors").read_bytes()[:-8],
        "image.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
        "pointer.safetensors": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
        "model.safetensors.index.json": b'{"weight_map": {"a": "2.st", "b": "1.st", "c": "2.st"}}',
        "own.json": b'{"lr": 0.1}',
    }
    said = {
        "pointer.safetensors": "begins with 'version https://git-lfs",
        "model.safetensors.index.json": "only names the 2 files that hold the weights: 1.st, 2.st; join them",
        "own.json": "neither safetensors nor a file of torch.save: it begins with '{\"lr\": 0.1}'",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=f"{name}.*{said.get(name, '')}"):
            load_weights(network(), tmp_path / name, 3)
    with pytest.raises(WeightsError, match="no file of weights"):
        load_weights(network(), tmp_path / "missing.pt", 3)


def test_fine_tuning_keeps_a_fresh_head_for_other_classes(tmp_path: Path) -> None:
    """The class head alone may differ; it keeps its fresh weights, and all else is taken."""
    torch.save(trained(classes=5), tmp_path / "five.pt")
    torch.save({name: v for name, v in trained().items() if not name.startswith("fc")}, tmp_path / "headless.pt")
    torch.save(trained(), tmp_path / "same.pt")
    for file, fresh in [
        ("five.pt", ["fc.weight", "fc.bias"]),
        ("headless.pt", ["fc.weight", "fc.bias"]),
        ("same.pt", []),
    ]:
        ours = network()
        head = ours.fc.weight.detach().clone()
        assert start_from(ours, tmp_path / file, 3)[1] == fresh
        assert bool((ours.conv.weight == 0.5).all())
        assert torch.equal(ours.fc.weight, head) == bool(fresh)
    torch.save(without("conv.weight"), tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"lacks conv\.weight"):
        start_from(network(), tmp_path / "other.pt", 3)
