"""Wide residual networks with pre-activation (Zagoruyko and Komodakis, 2016, https://arxiv.org/abs/1605.07146)."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from dst_robustness.models.layers import initialise, scaled


class PreActivationBlock(nn.Module):
    """Norm and ReLU before each of two convolutions; where shapes change, the shortcut starts after the first ReLU."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        changes = stride != 1 or in_channels != channels
        self.shortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        activated = self.relu(self.bn1(x))
        out = self.conv2(self.relu(self.bn2(self.conv1(activated))))
        return out + (x if self.shortcut is None else self.shortcut(activated))


def wide_resnet(depth: int, factor: int, num_classes: int, width: float) -> nn.Module:
    """Return WRN-``depth``-``factor`` for small images; ``depth`` is 6 n + 4 with n blocks in each of three stages."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    in_channels = scaled(16, width)
    layers["conv1"] = nn.Conv2d(3, in_channels, 3, 1, 1, bias=False)
    for stage, full in enumerate((16, 32, 64), start=1):
        channels = scaled(full * factor, width)
        blocks = []
        for index in range((depth - 4) // 6):
            blocks.append(PreActivationBlock(in_channels, channels, 2 if stage > 1 and index == 0 else 1))
            in_channels = channels
        layers[f"layer{stage}"] = nn.Sequential(*blocks)
    layers["bn"] = nn.BatchNorm2d(in_channels)
    layers["relu"] = nn.ReLU(inplace=True)
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(in_channels, num_classes)
    return initialise(nn.Sequential(layers))


def wrn22_2(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return WRN-22-2, the CIFAR network of RigL (Evci et al., 2020, section 4.2)."""
    return wide_resnet(22, 2, num_classes, width)
