"""I3D: Inception-v1 inflated to three dimensions (Carreira and Zisserman, 2017, https://arxiv.org/abs/1705.07750)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from dst_robustness.models.layers import initialise, scaled

# Channels of the branches: 1 | 1 -> 3 | 1 -> 3 | pool -> 1 (figure 3 of the paper, with the numbers of GoogLeNet).
MIXED = {
    "mixed3b": (64, 96, 128, 16, 32, 32),
    "mixed3c": (128, 128, 192, 32, 96, 64),
    "mixed4b": (192, 96, 208, 16, 48, 64),
    "mixed4c": (160, 112, 224, 24, 64, 64),
    "mixed4d": (128, 128, 256, 24, 64, 64),
    "mixed4e": (112, 144, 288, 32, 64, 64),
    "mixed4f": (256, 160, 320, 32, 128, 128),
    "mixed5b": (256, 160, 320, 32, 128, 128),
    "mixed5c": (384, 192, 384, 48, 128, 128),
}


def _unit(in_channels: int, channels: int, kernel: int, stride: int = 1) -> nn.Module:
    conv = nn.Conv3d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(channels), nn.ReLU(inplace=True))


class Mixed(nn.Module):
    """Four branches side by side, joined along the channels."""

    def __init__(self, in_channels: int, channels: list[int]) -> None:
        super().__init__()
        narrow, reduce3, wide3, reduce5, wide5, pooled = channels
        self.branch0 = _unit(in_channels, narrow, 1)
        self.branch1 = nn.Sequential(_unit(in_channels, reduce3, 1), _unit(reduce3, wide3, 3))
        self.branch2 = nn.Sequential(_unit(in_channels, reduce5, 1), _unit(reduce5, wide5, 3))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, 1), _unit(in_channels, pooled, 1))
        self.out_channels = narrow + wide3 + wide5 + pooled

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], dim=1)


def i3d(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return I3D for colour clips. It is made for 64 frames of 224 pixels, but takes any length and size.

    The head averages over the remaining time and space. At 224 pixels that is the paper's 7x7 window.
    """
    first, second = scaled(64, width), scaled(192, width)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv1a"] = _unit(3, first, 7, stride=2)
    layers["pool2a"] = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
    layers["conv2b"] = _unit(first, first, 1)
    layers["conv2c"] = _unit(first, second, 3)
    layers["pool3a"] = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
    in_channels = second
    for name, channels in MIXED.items():
        if name == "mixed4b":
            layers["pool4a"] = nn.MaxPool3d(3, 2, 1)
        if name == "mixed5b":
            layers["pool5a"] = nn.MaxPool3d(2, 2, ceil_mode=True)  # short clips have one frame left here
        mixed = Mixed(in_channels, [scaled(count, width) for count in channels])
        layers[name], in_channels = mixed, mixed.out_channels
    layers["avgpool"] = nn.AdaptiveAvgPool3d(1)
    layers["flatten"] = nn.Flatten()
    layers["dropout"] = nn.Dropout(0.5)
    layers["fc"] = nn.Linear(in_channels, num_classes)
    return initialise(nn.Sequential(layers))
