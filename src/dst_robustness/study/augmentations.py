"""Augmentations and mixings by name. ``training.augmentation`` says what they take and return."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dst_robustness.registry import Registry

if TYPE_CHECKING:
    from torch import Generator, Tensor

AUGMENTATIONS: Registry[Callable[[Tensor, Generator], Tensor]] = Registry(
    "augmentation",
    {
        "none": "dst_robustness.training.crops:unchanged",
        "crop": "dst_robustness.training.crops:crop",
        "flip": "dst_robustness.training.crops:flip",
        "crop_flip": "dst_robustness.training.crops:crop_flip",
        "resized_crop": "dst_robustness.training.crops:resized_crop",
        "resized_crop_flip": "dst_robustness.training.crops:resized_crop_flip",
        "randaugment": "dst_robustness.training.auto_augment:randaugment",
        "augmix": "dst_robustness.training.auto_augment:augmix",
    },
)
# Mixings of pairs of samples and their labels.
MIXINGS: Registry[Callable[[Tensor, Tensor, Generator], Any]] = Registry(
    "mixing",
    {
        "none": "dst_robustness.training.mixing:unmixed",
        "mixup": "dst_robustness.training.mixing:mixup",
        "cutmix": "dst_robustness.training.mixing:cutmix",
        "mixup_cutmix": "dst_robustness.training.mixing:mixup_cutmix",
    },
)
