"""Residual networks (He et al., 2016, https://arxiv.org/abs/1512.03385) in two and three dimensions.

The two-dimensional ones have torchvision's layer names, so that each can load the other's weights. torchvision's own
are not used, since importing it nearly doubles the start-up time of a job, and it has no option for the width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from dst_robustness.models.layers import initialise, scaled

CONV: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
MEAN_POOL = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
SMALLEST_LARGE_IMAGE = 128  # from this side on, images get the ImageNet stem that divides it by four


class BasicBlock(nn.Module):
    """Two 3-wide convolutions and a shortcut, which has a 1-wide convolution if the shape changes."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int, dims: int) -> None:
        super().__init__()
        conv, norm = CONV[dims], NORM[dims]
        self.conv1 = conv(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = norm(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = norm(channels)
        self.downsample = _projection(in_channels, channels, stride, dims)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """Convolutions 1, 3, 1 wide; the stride is in the middle one (ResNet v1.5), as in torchvision."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, dims: int) -> None:
        super().__init__()
        conv, norm, out_channels = CONV[dims], NORM[dims], channels * self.expansion
        self.conv1 = conv(in_channels, channels, 1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = conv(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = norm(channels)
        self.conv3 = conv(channels, out_channels, 1, bias=False)
        self.bn3 = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _projection(in_channels, out_channels, stride, dims)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


def _projection(in_channels: int, out_channels: int, stride: int, dims: int) -> nn.Module | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(CONV[dims](in_channels, out_channels, 1, stride, bias=False), NORM[dims](out_channels))


def residual_network(
    block: type[BasicBlock] | type[Bottleneck],
    blocks: Sequence[int],
    channels: Sequence[int],
    num_classes: int,
    *,
    dims: int,
    stem_kernel: int,
    stem_stride: int | tuple[int, ...],
    stem_pool: bool,
) -> nn.Module:
    """Return a network of a stem, a stage per entry of ``blocks``, a mean and a classifier.

    All stages but the first halve the resolution.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv1"] = CONV[dims](3, channels[0], stem_kernel, stem_stride, stem_kernel // 2, bias=False)
    layers["bn1"] = NORM[dims](channels[0])
    layers["relu"] = nn.ReLU(inplace=True)
    if stem_pool:
        layers["maxpool"] = MAX_POOL[dims](3, 2, 1)
    in_channels = channels[0]
    for stage, (count, planes) in enumerate(zip(blocks, channels, strict=True), start=1):
        members = []
        for index in range(count):
            stride = 2 if stage > 1 and index == 0 else 1
            members.append(block(in_channels, planes, stride, dims))
            in_channels = planes * block.expansion
        layers[f"layer{stage}"] = nn.Sequential(*members)
    layers["avgpool"] = MEAN_POOL[dims](1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(in_channels, num_classes)
    return initialise(nn.Sequential(layers))


def _image_resnet(
    block: type[BasicBlock] | type[Bottleneck],
    blocks: Sequence[int],
    channels: Sequence[int],
    num_classes: int,
    image_size: int,
    width: float,
) -> nn.Module:
    large = image_size >= SMALLEST_LARGE_IMAGE
    return residual_network(
        block,
        blocks,
        [scaled(count, width) for count in channels],
        num_classes,
        dims=2,
        stem_kernel=7 if large else 3,
        stem_stride=2 if large else 1,
        stem_pool=large,
    )


def resnet8(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return the small CIFAR network of He et al., section 4.2, with one block per stage: 77 thousand weights."""
    return _image_resnet(BasicBlock, (1, 1, 1), (16, 32, 64), num_classes, image_size, width)


def resnet18(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return ResNet-18, with torchvision's stem from 128 pixels on, else with a 3x3 convolution of stride 1."""
    return _image_resnet(BasicBlock, (2, 2, 2, 2), (64, 128, 256, 512), num_classes, image_size, width)


def resnet34(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return ResNet-34, with torchvision's stem from 128 pixels on, else with a 3x3 convolution of stride 1."""
    return _image_resnet(BasicBlock, (3, 4, 6, 3), (64, 128, 256, 512), num_classes, image_size, width)


def resnet50(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return ResNet-50, with torchvision's stem from 128 pixels on, else with a 3x3 convolution of stride 1."""
    return _image_resnet(Bottleneck, (3, 4, 6, 3), (64, 128, 256, 512), num_classes, image_size, width)
