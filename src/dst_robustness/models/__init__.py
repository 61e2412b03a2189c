"""Networks by name, for images (channels-first [N, 3, H, W]) and for clips ([N, 3, T, H, W]).

Listing the names imports nothing. Every network has fresh weights from torch's global generator, so a seed decides
them. Nothing is ever downloaded. Inputs are floats that are already normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dst_robustness.registry import Registry

if TYPE_CHECKING:
    from torch import nn

# name -> builder(num_classes, image_size, width)
_IMAGE = {
    "resnet8": "dst_robustness.models.resnet:resnet8",
    "resnet18": "dst_robustness.models.resnet:resnet18",
    "resnet34": "dst_robustness.models.resnet:resnet34",
    "resnet50": "dst_robustness.models.resnet:resnet50",
    "wrn22_2": "dst_robustness.models.wide_resnet:wrn22_2",
    "vgg16": "dst_robustness.models.vgg:vgg16",
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


def build_model(
    name: str,
    num_classes: int,
    *,
    image_size: int = 32,
    width: float = 1.0,
    frames: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Return a network with fresh weights that maps a batch to class scores [N, num_classes].

    Args:
        name: a name of ``MODELS``, ``timm:NAME``, ``torchvision:NAME``, or ``FILE.py:FUNCTION`` for a function
            ``build(num_classes, image_size)`` of your own, which may take ``width`` and ``frames`` too.
        num_classes: number of classes.
        image_size: side of the square images or frames in pixels. It decides the stem of registered networks (stride 1
            for small images) and the patches of transformers.
        width: factor for the channels of every hidden layer.
        frames: frames of a clip, or None for images. Only some networks for clips depend on it.
        arguments: for a network of a library, exactly the arguments to build it with, as ``library_arguments`` returns
            them. By default size and width decide them.

    Raises:
        ValueError: for an unknown name or a number out of range, or if the network does not take such images or does
            not return one tensor of class scores.
    """
    if num_classes < 2:
        raise ValueError(f"model '{name}': num_classes is {num_classes}, but must be at least 2")
    if image_size < 8:
        raise ValueError(f"model '{name}': image_size is {image_size}, but must be at least 8 pixels")
    if not 0 < width <= 16:
        raise ValueError(f"model '{name}': width is {width}, but must be above 0 and at most 16")
    if name in MODELS:
        return MODELS[name](num_classes, image_size, width)
    from dst_robustness.models.foreign import foreign_network

    return foreign_network(name, num_classes, image_size=image_size, width=width, frames=frames, arguments=arguments)
