"""R(2+1)D (Tran et al., 2018, https://arxiv.org/abs/1711.11248): space and time convolved in turn."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn
from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D

from dst_robustness.models.layers import initialise, scaled


def r2plus1d_18(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return R(2+1)D-18, made for 16 frames of 112 pixels, of torchvision's blocks and with its layer names."""
    channels = [scaled(count, width) for count in (64, 128, 256, 512)]
    middle, in_channels = scaled(45, width), channels[0]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["stem"] = nn.Sequential(
        nn.Conv3d(3, middle, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(inplace=True),
        nn.Conv3d(middle, in_channels, (3, 1, 1), 1, (1, 0, 0), bias=False),
        nn.BatchNorm3d(in_channels),
        nn.ReLU(inplace=True),
    )
    for stage, count in enumerate(channels, start=1):
        layers[f"layer{stage}"] = _stage(in_channels, count, stride=1 if stage == 1 else 2)
        in_channels = count
    layers["avgpool"] = nn.AdaptiveAvgPool3d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(in_channels, num_classes)
    return initialise(nn.Sequential(layers))


def _stage(in_channels: int, channels: int, stride: int) -> nn.Module:
    projection = None
    if stride > 1:
        conv = nn.Conv3d(in_channels, channels, 1, stride, bias=False)
        projection = nn.Sequential(conv, nn.BatchNorm3d(channels))
    return nn.Sequential(
        BasicBlock(in_channels, channels, Conv2Plus1D, stride, projection),
        BasicBlock(channels, channels, Conv2Plus1D),
    )
