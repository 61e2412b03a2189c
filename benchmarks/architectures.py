"""Which architectures of timm and torchvision can be trained sparse, and whether exactly the right weights are masked.

Each network takes two steps of every DST method on random images, with an update between; what is masked, densities,
zeros and FLOPs are checked. Families are drawn over, sizes are small: the table says what failed and why.

    python -P benchmarks/architectures.py [--only PART_OF_A_NAME] [--largest PARAMETERS] [--out table.csv]

Some are tried at 64 pixels: at 32 their last maps have one position, and two samples there no variance to normalise by.
A network with more parameters than ``--largest`` takes no step: its names and FLOPs are checked alone, and the table
says so. With ``--out``, those in the file already are kept, and left out.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dst_robustness.models import build_model
from dst_robustness.models.tensor_files import give_weights
from dst_robustness.sparsity import METHODS, SparseTraining
from dst_robustness.sparsity.flops import layer_flops
from dst_robustness.sparsity.maskable import maskable_weights
from dst_robustness.sparsity.schedules import ConstantDensity, UpdateSchedule

CLASSES, SPARSITY = 4, 0.5
# Parameters of two or more dimensions that are no weights of a layer: positions, tokens, tables, scales.
TABLES = (
    "pos_embed", "position", "pos_emb", "_pos", "cls_token", "class_token", "reg_token", "register", "relative",
    "rel_pos", "dist_token", "gamma", "alpha", "beta", "scale", "temperature", "attention_bias", "latent", "token",
)  # fmt: skip
HEAD = (
    "architecture", "pixels", "parameters", "masked_layers", "share_masked", "flops_counted", "steps_of_every_method",
)  # fmt: skip
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.MultiheadAttention)


@dataclass(frozen=True)
class Tried:
    """An architecture with the size it is tried at, and the arguments that make it small."""

    name: str
    image_size: int = 32
    frames: int | None = None
    arguments: Mapping[str, Any] | None = field(default=None, hash=False)


def _vit(**more: Any) -> dict[str, Any]:
    return {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3, **more}


TIMM = (
    Tried("timm:resnet10t"),
    Tried("timm:resnext26ts"),
    Tried("timm:seresnet18", arguments={"channels": (16, 32, 64, 64)}),
    Tried("timm:resnetv2_18"),
    Tried("timm:res2net50_14w_8s"),
    Tried("timm:regnetx_002"),
    Tried("timm:regnety_002"),
    Tried("timm:mobilenetv2_050"),
    Tried("timm:mobilenetv3_small_050"),
    Tried("timm:mobilenetv4_conv_small_050"),
    Tried("timm:efficientnet_lite0"),
    Tried("timm:tf_efficientnetv2_b0"),
    Tried("timm:ghostnet_050"),
    Tried("timm:densenet121"),
    Tried("timm:dla46_c"),
    Tried("timm:vgg11"),
    Tried("timm:hrnet_w18_small"),
    Tried("timm:repvgg_a0"),
    Tried("timm:convnext_atto"),
    Tried("timm:convnextv2_atto"),
    Tried("timm:edgenext_xx_small"),
    Tried("timm:vit_tiny_patch16_224", arguments=_vit()),
    Tried("timm:vit_medium_patch16_reg4_gap_256", arguments=_vit()),
    Tried("timm:deit_tiny_distilled_patch16_224", arguments=_vit()),
    Tried("timm:cait_xxs24_224", arguments=_vit()),
    Tried("timm:xcit_nano_12_p8_224", arguments=_vit()),
    Tried("timm:beit_base_patch16_224", arguments=_vit()),
    Tried("timm:eva02_tiny_patch14_224", arguments=_vit()),
    Tried(
        "timm:swin_tiny_patch4_window7_224",
        arguments={"img_size": 32, "embed_dim": 24, "depths": (2, 2), "num_heads": (2, 4), "window_size": 4},
    ),
    Tried(
        "timm:swinv2_tiny_window8_256",
        arguments={"img_size": 32, "embed_dim": 24, "depths": (2, 2), "num_heads": (2, 4), "window_size": 4},
    ),
    Tried("timm:mixer_s16_224"),
    Tried("timm:resmlp_12_224"),
    Tried("timm:gmlp_ti16_224"),
    Tried("timm:poolformer_s12"),
    Tried("timm:coatnet_nano_rw_224", 64),
    Tried("timm:mobilevit_xxs", 64),
    Tried("timm:levit_128s", 64),
    Tried("timm:pvt_v2_b0"),
    Tried("timm:crossvit_tiny_240", 240),
    Tried("timm:volo_d1_224", 64),
)
TORCHVISION = (
    Tried("torchvision:alexnet", 64),
    Tried("torchvision:vgg11", arguments={}),
    Tried("torchvision:vgg11_bn", arguments={}),
    Tried("torchvision:resnet18"),
    Tried("torchvision:resnet50"),
    Tried("torchvision:resnext50_32x4d"),
    Tried("torchvision:wide_resnet50_2"),
    Tried("torchvision:squeezenet1_0"),
    Tried("torchvision:squeezenet1_1"),
    Tried("torchvision:densenet121"),
    Tried("torchvision:inception_v3", 96),
    Tried("torchvision:googlenet"),
    Tried("torchvision:shufflenet_v2_x0_5"),
    Tried("torchvision:shufflenet_v2_x1_0"),
    Tried("torchvision:mobilenet_v2", 64),
    Tried("torchvision:mobilenet_v3_small"),
    Tried("torchvision:mobilenet_v3_large"),
    Tried("torchvision:mnasnet0_5"),
    Tried("torchvision:mnasnet1_0"),
    Tried("torchvision:efficientnet_b0"),
    Tried("torchvision:efficientnet_v2_s"),
    Tried("torchvision:regnet_x_400mf", 64),
    Tried("torchvision:regnet_y_400mf"),
    Tried("torchvision:regnet_y_800mf"),
    Tried("torchvision:convnext_tiny"),
    Tried("torchvision:vit_b_16"),
    Tried("torchvision:swin_t"),
    Tried("torchvision:swin_v2_t"),
    Tried("torchvision:maxvit_t", 224),
    Tried("torchvision:r3d_18", 32, 4),
    Tried("torchvision:mc3_18", 32, 4),
    Tried("torchvision:r2plus1d_18", 32, 4),
    Tried("torchvision:s3d", 224, 14),
    Tried("torchvision:swin3d_t", 32, 4),
    Tried("torchvision:mvit_v1_b", 224, 16),
)


def dst_methods() -> list[str]:
    """Return the methods that move their masks during training."""
    return [name for name in METHODS if METHODS[name].dst]


def check(tried: Tried, methods: Sequence[str], largest: float) -> dict[str, Any]:
    """Return what was found of one architecture; raises AssertionError or ValueError where something is wrong."""
    torch.manual_seed(0)
    network = build_model(
        tried.name, CLASSES, image_size=tried.image_size, frames=tried.frames, arguments=tried.arguments
    )
    shape = (3, *((tried.frames,) if tried.frames else ()), tried.image_size, tried.image_size)
    check_names(network)
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = sum(parameter.numel() for parameter in network.parameters())
    for method in methods if parameters <= largest else ():
        give_weights(network, initial)
        check_step(network, method, shape)
    amounts = layer_flops(network, shape)
    weights = maskable_weights(network)
    return {
        "parameters": parameters,
        "steps": parameters <= largest,
        "masked layers": len(weights),
        "share masked": sum(w.numel() for w in weights.values()) / parameters,
        "FLOPs not counted": [name for name, amount in amounts.items() if amount == 0],
    }


def check_names(network: nn.Module) -> None:
    """Check that masked are weights of layers, and that all other matrices are tables, tokens, positions or scales."""
    weights = maskable_weights(network)
    modules = dict(network.named_modules())
    for name, parameter in network.named_parameters():
        owner, _, last = name.rpartition(".")
        if name in weights:
            assert isinstance(modules[owner], LAYERS), f"{name} of a {type(modules[owner]).__name__} is masked"
            assert "weight" in last, f"{name} is masked"
        elif parameter.ndim >= 2:
            in_layer = isinstance(modules[owner], LAYERS) and "weight" in last
            assert not in_layer, f"{name} of a {type(modules[owner]).__name__} is not masked"
            assert any(part in name.lower() for part in TABLES), f"{name} {list(parameter.shape)} is not masked"


def check_step(network: nn.Module, method: str, shape: tuple[int, ...]) -> None:
    """Take two steps of a method, with a topology update in between, and check densities and zeros."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    trainer = SparseTraining(
        network, optimizer, method=method, sparsity=SPARSITY, total_steps=100, update_interval=1, drop_fraction=0.3
    )
    network.train()
    for _ in range(2):
        network(torch.randn(2, *shape)).logsumexp(1).sum().backward()
        trainer.step()
        optimizer.zero_grad()
    weights = maskable_weights(network)
    masks = trainer.masks
    assert masks.keys() == weights.keys(), "masks of other weights"
    active, total = sum(int(mask.sum()) for mask in masks.values()), sum(mask.numel() for mask in masks.values())
    assert trainer.network.density == active / total, f"{method}: density {trainer.network.density}, {active} active"
    if isinstance(METHODS[method]().budget(1 - SPARSITY, UpdateSchedule(1, 1, 100)), ConstantDensity):
        assert active == round((1 - SPARSITY) * total), f"{method}: {active} of {total} active"
    for name, mask in masks.items():
        assert bool((weights[name][~mask] == 0).all()), f"{method}: {name} is not zero outside its mask"


def row(tried: Tried, methods: Sequence[str], largest: float) -> dict[str, str]:
    """Return the row of the table for one architecture."""
    named = {"architecture": tried.name, "pixels": str(tried.image_size)}
    try:
        found = check(tried, methods, largest)
    except Exception as error:
        said = next(iter(str(error).splitlines()), "")[:160]
        return dict.fromkeys(HEAD, "") | named | {HEAD[-1]: f"{type(error).__name__}: {said}"}
    uncounted = ", ".join(found["FLOPs not counted"][:3])
    return named | {
        "parameters": str(found["parameters"]),
        "masked_layers": str(found["masked layers"]),
        "share_masked": f"{100 * found['share masked']:.1f}%",
        "flops_counted": f"all but {uncounted}" if uncounted else "all",
        "steps_of_every_method": "taken" if found["steps"] else "not tried: too large",
    }


def read(path: Path | None) -> dict[str, dict[str, str]]:
    """Return the rows of a table that was written before, by architecture."""
    if path is None or not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as file:
        return {one["architecture"]: one for one in csv.DictReader(file)}


def write(path: Path, rows: Mapping[str, Mapping[str, str]]) -> None:
    """Write the rows of a table in the order of the lists above."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, HEAD, lineterminator="\n")
        table.writeheader()
        table.writerows(rows[tried.name] for tried in (*TIMM, *TORCHVISION) if tried.name in rows)


def main() -> None:
    """Print the table row by row, and write it where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="part of the names that are tried")
    parser.add_argument("--largest", type=float, default=float("inf"), help="parameters of a network that takes steps")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows, methods = read(options.out), dst_methods()
    for tried in (*TIMM, *TORCHVISION):
        if options.only not in tried.name or tried.name in rows:
            continue
        started = time.perf_counter()
        rows[tried.name] = row(tried, methods, options.largest)
        print(", ".join(rows[tried.name].values()), f"({time.perf_counter() - started:.1f} s)", flush=True)
        if options.out:
            write(options.out, rows)


if __name__ == "__main__":
    main()
