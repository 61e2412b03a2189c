"""Networks leave the house in a format that others read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open

from dst_robustness.training.export import export_run


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
