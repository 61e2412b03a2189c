"""Exactly the weights of layers are masked in networks of others; benchmarks/architectures.py tries all families."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
import torchvision

timm = pytest.importorskip("timm")


def _load():
    file = Path(__file__).parents[2] / "benchmarks" / "architectures.py"
    spec = importlib.util.spec_from_file_location("benchmark_architectures", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


architectures = _load()
Tried = architectures.Tried
WINDOWS = {"img_size": 32, "embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2), "window_size": 4}
BLOCKS = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 3}


SMALL = (
    Tried("timm:convnextv2_atto", arguments={"dims": (8, 8, 16, 16), "depths": (1, 1, 1, 1)}),  # depth-wise, scales
    Tried("timm:mobilenetv3_small_050"),
    Tried("timm:vit_medium_patch16_reg4_gap_256", arguments=BLOCKS),  # tokens, positions, layer scale
    Tried("timm:beit_base_patch16_224", arguments=BLOCKS),  # tables
    Tried("timm:swinv2_tiny_window8_256", arguments=WINDOWS),
    Tried("torchvision:squeezenet1_1"),
)


@pytest.mark.parametrize("tried", SMALL, ids=lambda tried: tried.name)
def test_steps_of_every_method(tried) -> None:
    """Protects exact densities and zeros, and FLOPs of every masked weight."""
    found = architectures.check(tried, architectures.dst_methods(), float("inf"))
    assert found["FLOPs not counted"] == []


@pytest.mark.parametrize("tried", [*architectures.TIMM, *architectures.TORCHVISION], ids=lambda tried: tried.name)
def test_exactly_the_weights_of_layers_are_masked(tried) -> None:
    """Protects positions, tokens, tables, scales and norms in seventy networks, built without memory."""
    architectures.check_names(_without_memory(tried))


def _without_memory(tried) -> torch.nn.Module:
    library, _, name = tried.name.partition(":")
    build = timm.create_model if library == "timm" else torchvision.models.get_model
    arguments = {"num_classes": architectures.CLASSES, **(tried.arguments or {})}
    if library == "torchvision" and name.startswith("regnet"):  # computes with numbers while it is built
        return build(name, **arguments)
    with torch.device("meta"):
        return build(name, **arguments)
