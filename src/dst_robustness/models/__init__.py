"""Architectures by name, for images (channels-first [N, 3, H, W]) and for clips ([N, 3, T, H, W]).

Listing the names imports nothing. Every model is built with fresh weights from torch's global generator: a seed decides
them, and nothing is ever downloaded. Inputs are floats, already normalised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dst_robustness.registry import Registry

if TYPE_CHECKING:
    from torch import nn

# name -> builder(num_classes, image_size, width)
_IMAGE = {
    "resnet8": "dst_robustness.models.resnet:resnet8",
    "resnet18": "dst_robustness.models.resnet:resnet18",
    "resnet18_x0_125": "dst_robustness.models.resnet:resnet18_x0_125",
    "resnet34": "dst_robustness.models.resnet:resnet34",
    "resnet50": "dst_robustness.models.resnet:resnet50",
    "wrn22_2": "dst_robustness.models.wide_resnet:wrn22_2",
    "vgg16": "dst_robustness.models.vgg:vgg16",
    "vgg16_x0_25": "dst_robustness.models.vgg:vgg16_x0_25",
    "efficientnet_b0": "dst_robustness.models.efficientnet:efficientnet_b0",
    "deit_tiny": "dst_robustness.models.vit:deit_tiny",
    "deit_base": "dst_robustness.models.vit:deit_base",
}
_VIDEO = {
    "r3d_tiny": "dst_robustness.models.video:r3d_tiny",
    "r3d18": "dst_robustness.models.video:r3d18",
    "r3d50": "dst_robustness.models.video:r3d50",
    "i3d": "dst_robustness.models.i3d:i3d",
    "r2plus1d_18": "dst_robustness.models.r2plus1d:r2plus1d_18",
}
IMAGE_MODELS: Registry[Callable[..., nn.Module]] = Registry("image model", _IMAGE)
VIDEO_MODELS: Registry[Callable[..., nn.Module]] = Registry("video model", _VIDEO)
MODELS: Registry[Callable[..., nn.Module]] = Registry("model", _IMAGE | _VIDEO)


def build_model(name: str, num_classes: int, *, image_size: int = 32, width: float = 1.0) -> nn.Module:
    """Return a model with fresh weights that maps a batch to logits [N, num_classes].

    ``image_size`` is the side of the square images or frames in pixels: it decides the stem (stride 1 for small images)
    and, for transformers, the patches. ``width`` multiplies the channels of every hidden layer.
    A name that is not in ``MODELS``, or a number out of range, is a ValueError.
    """
    builder = MODELS[name]
    if num_classes < 2:
        raise ValueError(f"model '{name}': num_classes is {num_classes}, but must be at least 2")
    if image_size < 8:
        raise ValueError(f"model '{name}': image_size is {image_size}, but must be at least 8 pixels")
    if not 0 < width <= 16:
        raise ValueError(f"model '{name}': width is {width}, but must be above 0 and at most 16")
    return builder(num_classes, image_size, width)
