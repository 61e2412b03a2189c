"""EfficientNet (Tan and Le, 2019, https://arxiv.org/abs/1905.11946), from torchvision."""

from __future__ import annotations

from functools import partial

from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConvConfig

# Expansion, kernel, stride, input and output channels, repeats of the seven stages of B0 (table 1 of the paper).
B0 = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)


def efficientnet_b0(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return EfficientNet-B0. Below 64 pixels the stem keeps the resolution, so that 32 pixels end in a 2x2 map.

    ``width`` is the width multiplier of the paper, which rounds channels to multiples of eight.
    """
    stage = partial(MBConvConfig, width_mult=width, depth_mult=1.0)
    model = EfficientNet([stage(*row) for row in B0], dropout=0.2, num_classes=num_classes)
    if image_size < 64:
        model.features[0][0].stride = (1, 1)
    return model
