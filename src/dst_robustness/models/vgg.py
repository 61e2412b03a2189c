"""VGG (Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556) with batch norm, in the form used on CIFAR."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from dst_robustness.models.layers import initialise, scaled

# Channels of the convolutions; each stage ends in a 2x2 max pool.
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def vgg16(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return VGG-16 with one fully connected layer on the mean over space, as the CIFAR literature uses it."""
    if image_size < 32:
        raise ValueError(f"model 'vgg16': image_size is {image_size}, but its five poolings need at least 32 pixels")
    layers: list[nn.Module] = []
    in_channels = 3
    for stage in STAGES:
        for full in stage:
            channels = scaled(full, width)
            # The following norm would remove a bias, so the convolution has none.
            layers += [
                nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            in_channels = channels
        layers.append(nn.MaxPool2d(2))
    parts: OrderedDict[str, nn.Module] = OrderedDict(features=nn.Sequential(*layers))
    parts["avgpool"] = nn.AdaptiveAvgPool2d(1)
    parts["flatten"] = nn.Flatten()
    parts["fc"] = nn.Linear(in_channels, num_classes)
    return initialise(nn.Sequential(parts))
