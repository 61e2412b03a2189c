"""Vision transformers in the sizes of DeiT (Touvron et al., 2021, https://arxiv.org/abs/2012.12877), from timm."""

from __future__ import annotations

from timm.models.vision_transformer import VisionTransformer
from torch import nn

from dst_robustness.models.layers import scaled

HEAD_CHANNELS = 64


def _deit(heads: int, num_classes: int, image_size: int, width: float) -> nn.Module:
    patch, multiple = (16, 16) if image_size >= 128 else (image_size // 8, 8)
    if image_size % multiple:
        raise ValueError(
            f"a vision transformer cannot cut {image_size} pixels into equal patches: "
            "image_size must be a multiple of 8 below 128 pixels, and of 16 from there on"
        )
    return VisionTransformer(
        img_size=image_size,
        patch_size=patch,
        num_classes=num_classes,
        embed_dim=heads * scaled(HEAD_CHANNELS, width),
        depth=12,
        num_heads=heads,
        drop_path_rate=0.1,  # as in the published recipe
    )


def deit_tiny(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return DeiT-Ti without distillation: 16-pixel patches from 128 pixels on, else an 8x8 grid of patches."""
    return _deit(3, num_classes, image_size, width)


def deit_base(num_classes: int, image_size: int, width: float) -> nn.Module:
    """Return DeiT-B without distillation: 16-pixel patches from 128 pixels on, else an 8x8 grid of patches."""
    return _deit(12, num_classes, image_size, width)
