"""Augmentations and mixings of whole batches on the device, drawn from an explicit generator.

An augmentation maps uint8 [N, 3, H, W] images or [N, 3, T, H, W] clips, and a generator on their device, to a new batch
of the same shape and type. A mixing also takes the labels [N] and returns a `mixing.Mixed`. Each sample has its own
random numbers, and all frames of a clip share them. The state of the generator decides the result. Nothing waits for
the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dst_robustness.study.augmentations import AUGMENTATIONS

if TYPE_CHECKING:
    from torch import Generator, Tensor


def augment(batch: Tensor, names: str, generator: Generator) -> Tensor:
    """Return an augmented batch. ``names``, such as "crop_flip+augmix", are applied from left to right.

    Raises ValueError for an unknown name, or a batch that is not uint8 [N, 3, H, W] or [N, 3, T, H, W].
    """
    import torch  # not above, since listing the names should not wait for it

    if batch.dtype != torch.uint8 or batch.ndim not in (4, 5) or batch.shape[1] != 3:
        raise ValueError(
            f"cannot augment a batch of {batch.dtype} {list(batch.shape)}: "
            "it must be uint8 [N, 3, H, W] for images or [N, 3, T, H, W] for clips"
        )
    for name in names.split("+"):
        batch = AUGMENTATIONS[name](batch, generator)
    return batch
