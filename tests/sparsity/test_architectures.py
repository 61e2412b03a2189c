"""Exactly the weights of layers are masked in networks of others; benchmarks/architectures.py tries all families."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("timm")


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


@pytest.mark.parametrize(
    "tried",
    [
        Tried("timm:convnextv2_atto", arguments={"dims": (8, 8, 16, 16), "depths": (1, 1, 1, 1)}),  # depth-wise, scales
        Tried("timm:mobilenetv3_small_050"),
        Tried("timm:vit_medium_patch16_reg4_gap_256", arguments=BLOCKS),  # tokens, positions, layer scale
        Tried("timm:beit_base_patch16_224", arguments=BLOCKS),  # tables
        Tried("timm:swinv2_tiny_window8_256", arguments=WINDOWS),
        Tried("torchvision:squeezenet1_1"),
    ],
    ids=lambda tried: tried.name,
)
def test_exactly_the_weights_of_layers_are_masked(tried) -> None:
    """Protects positions, tokens, tables, scales and norms; densities and zeros are exact in steps of each method."""
    found = architectures.check(tried, architectures.dst_methods(), float("inf"))
    # Attention that gives the weight of its qkv layer to a function, not through the layer, is not counted, and named.
    assert all(name.endswith("qkv.weight") for name in found["FLOPs not counted"])
