"""Random crops and flips of whole batches, the same for all frames of a clip."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

PADDING = 4  # black pixels on each side, as usual for CIFAR
AREA = (0.08, 1.0)  # share of the image that a resized crop keeps (Szegedy et al., 2015)
LOG_ASPECT = math.log(4 / 3)  # width : height is between 3:4 and 4:3
TRIES = 10  # boxes drawn for each sample until one fits, as in torchvision; else the whole image


def unchanged(batch: Tensor, generator: Generator) -> Tensor:
    """Return the batch as it is, and draw nothing."""
    return batch


def crop(batch: Tensor, generator: Generator) -> Tensor:
    """Pad by four black pixels and crop to the former size at one of 9 x 9 places, all equally likely."""
    rows, columns = _offsets(batch, generator)
    return _window(batch, rows, columns, flipped=None)


def flip(batch: Tensor, generator: Generator) -> Tensor:
    """Mirror left and right with probability one half."""
    flipped = _coins(batch, generator).view(-1, *[1] * (batch.ndim - 1))
    return torch.where(flipped, batch.flip(-1), batch)


def crop_flip(batch: Tensor, generator: Generator) -> Tensor:
    """Apply ``crop`` and then ``flip`` in one pass."""
    rows, columns = _offsets(batch, generator)
    return _window(batch, rows, columns, flipped=_coins(batch, generator))


def resized_crop(batch: Tensor, generator: Generator) -> Tensor:
    """Crop to a box of 8% to 100% of the area and resize it to the former size, bilinearly.

    The boxes are those of Szegedy et al. (2015, https://arxiv.org/abs/1409.4842, section 6): area uniform, logarithm of
    the aspect ratio uniform, place uniform among those inside the image.
    """
    count, (height, width) = len(batch), batch.shape[-2:]
    uniform = torch.rand(4, TRIES, count, generator=generator, device=batch.device)
    area = height * width * (AREA[0] + (AREA[1] - AREA[0]) * uniform[0])
    stretch = torch.exp(LOG_ASPECT * (uniform[1] - 0.5))  # square root of the aspect ratio
    box_width, box_height = area.sqrt() * stretch / width, area.sqrt() / stretch / height  # as shares of the image
    fits = (box_width <= 1) & (box_height <= 1)
    first = fits.to(torch.uint8).argmax(0, keepdim=True)
    box_width, box_height, left, top = (
        values.gather(0, first)[0] for values in (box_width, box_height, uniform[2], uniform[3])
    )
    whole = ~fits.any(0)
    box_width, box_height = box_width.masked_fill(whole, 1.0), box_height.masked_fill(whole, 1.0)
    # From output to input coordinates, both from -1 to 1: scale, then shift within the free space.
    move_x, move_y = (1 - box_width) * (2 * left - 1), (1 - box_height) * (2 * top - 1)
    zero = torch.zeros_like(left)
    matrices = torch.stack([box_width, zero, move_x, zero, box_height, move_y], dim=1).view(-1, 2, 3)
    return resample(batch, matrices, padding_mode="border")


def resized_crop_flip(batch: Tensor, generator: Generator) -> Tensor:
    """Apply ``resized_crop``, then ``flip``: the augmentation of ImageNet."""
    return flip(resized_crop(batch, generator), generator)


def resample(batch: Tensor, matrices: Tensor, padding_mode: str = "zeros") -> Tensor:
    """Resample uint8 samples bilinearly by affine maps [N, 2, 3] from output to input coordinates."""
    pictures = batch.flatten(1, -3)  # the frames of a clip become channels: all move alike
    grid = F.affine_grid(matrices, list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures.float(), grid, padding_mode=padding_mode, align_corners=False)
    return moved.round_().to(torch.uint8).reshape(batch.shape)


def _offsets(batch: Tensor, generator: Generator) -> Tensor:
    return torch.randint(2 * PADDING + 1, (2, len(batch)), generator=generator, device=batch.device)


def _coins(batch: Tensor, generator: Generator) -> Tensor:
    return torch.rand(len(batch), generator=generator, device=batch.device) < 0.5


def _window(batch: Tensor, rows: Tensor, columns: Tensor, flipped: Tensor | None) -> Tensor:
    """Crop padded sample i at (rows[i], columns[i]), mirrored if ``flipped``, in one gather."""
    height, width = batch.shape[-2:]
    pictures = batch.flatten(1, -3)
    padded = F.pad(pictures, (PADDING, PADDING, PADDING, PADDING)).flatten(2)
    y = rows[:, None] + torch.arange(height, device=batch.device)
    x = torch.arange(width, device=batch.device).expand(len(batch), width)
    if flipped is not None:
        x = torch.where(flipped[:, None], width - 1 - x, x)
    x = x + columns[:, None]
    index = (y[:, :, None] * (width + 2 * PADDING) + x[:, None, :]).view(len(batch), 1, -1)
    return padded.gather(2, index.expand(-1, pictures.shape[1], -1)).view(batch.shape)
