"""What all convolutional networks here share: scaled channel counts and initial weights."""

from __future__ import annotations

from torch import nn


def scaled(channels: int, width: float) -> int:
    """Return the number of channels at this width, at least one."""
    return max(1, round(channels * width))


def initialise(model: nn.Module) -> nn.Module:
    """Draw the weights of convolutions by He et al. (2015, fan out), as torchvision does. Return the network."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
