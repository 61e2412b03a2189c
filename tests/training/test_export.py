"""Networks leave the house in a format that others read."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from dst_robustness.training.export import export_finished, export_run


def test_an_exported_network_holds_the_same_weights_and_says_what_it_is(
    train: Callable[..., None], tmp_path: Path
) -> None:
    """Every tensor of model.pt bit for bit, zeros included, with run.json in the header."""
    train(tmp_path, method="rigl", sparsity=0.5)
    path = export_run(tmp_path)
    assert path == tmp_path / "model.safetensors"
    weights = torch.load(tmp_path / "model.pt", weights_only=True)
    described = json.loads((tmp_path / "run.json").read_text())
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(weights)
        assert all(torch.equal(file.get_tensor(name), value) for name, value in weights.items())
        header = file.metadata()
    assert header.pop("format") == "pt"
    assert {key: text if isinstance(described[key], str) else json.loads(text) for key, text in header.items()} == (
        described
    )


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
def test_one_damaged_run_is_named_and_the_others_are_exported(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged run.json is set aside, so that the study makes it anew."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders[:2]:
        folder.mkdir()
        torch.save({"weight": torch.zeros(2)}, folder / "model.pt")
        (folder / "run.json").write_text("{}")
    (folders[0] / "run.json").write_bytes(content)
    export_finished(folders)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"cannot read {folders[0]}/run.json")
    assert said[1] == "1 of 3 networks stand as model.safetensors beside their model.pt"
    assert (folders[1] / "model.safetensors").exists()
    assert [path.name for path in sorted(folders[0].iterdir())] == ["model.pt", "run.json.damaged"]


def test_a_full_disk_under_an_export_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "model.pt")
    (tmp_path / "run.json").write_text("{}")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(SystemExit, match=r"File too large: .*model\.safetensors'; 0 of 1 networks are exported"):
            export_finished([tmp_path])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "run.json"]
