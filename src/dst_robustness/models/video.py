"""Residual networks with three-dimensional convolutions (Hara et al., 2018, https://arxiv.org/abs/1711.09577)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from dst_robustness.models.layers import scaled
from dst_robustness.models.resnet import BasicBlock, Bottleneck, residual_network


def r3d_tiny(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return a network of three blocks, 8-16-32 channels, that trains on two CPU cores."""
    channels = [scaled(count, width) for count in (8, 16, 32)]
    return residual_network(
        BasicBlock, (1, 1, 1), channels, num_classes, dims=3, stem_kernel=3, stem_stride=(1, 2, 2), stem_pool=False
    )


def _hara(
    block: type[BasicBlock] | type[Bottleneck], blocks: Sequence[int], num_classes: int, width: float
) -> nn.Module:
    channels = [scaled(count, width) for count in (64, 128, 256, 512)]
    return residual_network(
        block, blocks, channels, num_classes, dims=3, stem_kernel=7, stem_stride=(1, 2, 2), stem_pool=True
    )


def r3d18(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return the 3D ResNet-18 with projection shortcuts (type B), made for 16 frames of 112 pixels."""
    return _hara(BasicBlock, (2, 2, 2, 2), num_classes, width)


def r3d50(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return the 3D ResNet-50 with projection shortcuts (type B), made for 16 frames of 112 pixels."""
    return _hara(Bottleneck, (3, 4, 6, 3), num_classes, width)
