"""RandAugment and AugMix for whole batches: robust-training baselines to compare with sparse training.

Both choose an operation for each sample. To avoid waiting for the device, the batch is divided at random into equal
parts, one for each operation. Every sample gets each operation with the same chance, but the sizes of the parts are
fixed: in a batch of 128, a RandAugment operation always has 9 or 10 samples. Batches should hold more samples than
there are operations. Strengths, signs and mixtures are drawn for each sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as tv
from torch import Generator, Tensor

from dst_robustness.training.crops import resample

Operation = Callable[[Tensor, Tensor], Tensor]  # (samples uint8 [n, 3, T, H, W], strengths [n] in [-1, 1]) -> samples


def identity(clips: Tensor, strength: Tensor) -> Tensor:
    """Return the samples as they are."""
    return clips


def rotate(clips: Tensor, strength: Tensor) -> Tensor:
    """Rotate by up to 30 degrees about the centre."""
    height, width = clips.shape[-2:]
    sine, cosine = torch.sin(strength * math.pi / 6), torch.cos(strength * math.pi / 6)
    return _affine(clips, cosine, -sine * height / width, sine * width / height, cosine)


def shear_x(clips: Tensor, strength: Tensor) -> Tensor:
    """Slant by up to 0.3 along the rows, about the centre."""
    height, width = clips.shape[-2:]
    return _affine(clips, 1.0, 0.3 * strength * height / width, 0.0, 1.0)


def shear_y(clips: Tensor, strength: Tensor) -> Tensor:
    """Slant by up to 0.3 along the columns, about the centre."""
    height, width = clips.shape[-2:]
    return _affine(clips, 1.0, 0.0, 0.3 * strength * width / height, 1.0)


def translate_x(clips: Tensor, strength: Tensor, share: float) -> Tensor:
    """Move sideways by up to a share of the width."""
    return _affine(clips, 1.0, 0.0, 0.0, 1.0, move_x=2 * share * strength)


def translate_y(clips: Tensor, strength: Tensor, share: float) -> Tensor:
    """Move up or down by up to a share of the height."""
    return _affine(clips, 1.0, 0.0, 0.0, 1.0, move_y=2 * share * strength)


def brightness(clips: Tensor, strength: Tensor) -> Tensor:
    """Scale by 0.1 to 1.9."""
    return _enhance(clips, torch.zeros_like(clips), strength)


def color(clips: Tensor, strength: Tensor) -> Tensor:
    """Scale the distance from grey by 0.1 to 1.9."""
    return _enhance(clips, _flat(clips, partial(tv.adjust_saturation, saturation_factor=0.0)), strength)


def contrast(clips: Tensor, strength: Tensor) -> Tensor:
    """Scale the distance from the mean grey of the sample by 0.1 to 1.9."""
    return _enhance(clips, _flat(clips, partial(tv.adjust_contrast, contrast_factor=0.0)), strength)


def sharpness(clips: Tensor, strength: Tensor) -> Tensor:
    """Scale the distance from the smoothed sample by 0.1 to 1.9."""
    # torchvision's kernel, 5 in the middle of eight ones, as a mean and the middle: its own tensor comes from the host.
    smooth = clips.flatten(1, 2).float()
    inner = smooth[..., 1:-1, 1:-1]
    inner.copy_((9 * F.avg_pool2d(smooth, 3, stride=1) + 4 * inner) / 13)
    return _enhance(clips, smooth.reshape(clips.shape), strength)


def posterize(clips: Tensor, strength: Tensor, bits: int) -> Tensor:
    """Keep ``bits`` bits of each value at strength 0 and four fewer at strength 1."""
    lost = 8 - (bits - torch.round(4 * strength.abs())).clamp(min=0)
    step = _column(2**lost)
    return (clips // step * step).to(torch.uint8)


def solarize(clips: Tensor, strength: Tensor) -> Tensor:
    """Invert the values from a threshold on: 256 (none) at strength 0, 0 (all) at strength 1."""
    return torch.where(clips >= _column(256 * (1 - strength.abs())), 255 - clips, clips)


def autocontrast(clips: Tensor, strength: Tensor) -> Tensor:
    """Stretch each channel of the sample to the full range."""
    return _flat(clips, tv.autocontrast)


def equalize(clips: Tensor, strength: Tensor) -> Tensor:
    """Flatten the histogram of each channel of the sample."""
    return _flat(clips, tv.equalize)


RANDAUGMENT: tuple[Operation, ...] = (
    identity,
    shear_x,
    shear_y,
    partial(translate_x, share=150 / 331),
    partial(translate_y, share=150 / 331),
    rotate,
    brightness,
    color,
    contrast,
    sharpness,
    partial(posterize, bits=8),
    solarize,
    autocontrast,
    equalize,
)
# Without brightness, color, contrast and sharpness, which are too near to the corruptions of the test.
AUGMIX: tuple[Operation, ...] = (
    autocontrast,
    equalize,
    partial(posterize, bits=4),
    rotate,
    solarize,
    shear_x,
    shear_y,
    partial(translate_x, share=1 / 3),
    partial(translate_y, share=1 / 3),
)


def randaugment(batch: Tensor, generator: Generator, *, count: int = 2, magnitude: float = 0.3) -> Tensor:
    """Apply ``count`` random operations in turn (Cubuk et al., 2020, https://arxiv.org/abs/1909.13719).

    ``magnitude`` is a share of the greatest strength; 0.3 is 9 of 30, the usual default. Brightness and contrast are
    operations and corruptions too, so that robustness to these two is then trained for.
    """
    clips = _as_clips(batch)
    for _ in range(count):
        clips = _deal_out(clips, RANDAUGMENT, magnitude * _signs(clips, generator), generator)
    return clips.reshape(batch.shape)


def augmix(batch: Tensor, generator: Generator, *, chains: int = 3, severity: float = 3.0) -> Tensor:
    """Mix a sample with chains of one to three operations on it (Hendrycks et al., 2020, https://arxiv.org/abs/1912.02781).

    The weights of the chains are uniform on the simplex, the weight of the sample itself is uniform in [0, 1], and
    strengths are uniform between 0.01 and ``severity`` / 10. The paper's consistency loss is not included.
    """
    clips = _as_clips(batch)
    draw = partial(torch.rand, generator=generator, device=batch.device)
    weights = -torch.log1p(-draw(chains, len(clips)))  # exponential variables, normed: uniform on the simplex
    weights /= weights.sum(0)
    chained = clips.repeat(chains, 1, 1, 1, 1)  # all chains at once, since small operations cost their launch
    depth = torch.randint(1, 4, (len(chained),), generator=generator, device=batch.device)
    for step in range(3):
        strength = (0.01 + (severity / 10 - 0.01) * draw(len(chained))) * _signs(chained, generator)
        operated = _deal_out(chained, AUGMIX, strength, generator)
        chained = torch.where(_column(step < depth), operated, chained)
    mixture = (_column(weights.flatten()) * chained).unflatten(0, (chains, -1)).sum(0)
    mixed = torch.lerp(mixture, clips.float(), _column(draw(len(clips))))
    return mixed.round_().clamp_(0, 255).to(torch.uint8).reshape(batch.shape)


def _deal_out(clips: Tensor, operations: Sequence[Operation], strength: Tensor, generator: Generator) -> Tensor:
    """Divide the samples at random into equal parts, and apply one operation to each."""
    order = torch.rand(len(clips), generator=generator, device=clips.device).argsort()
    parts = zip(operations, order.tensor_split(len(operations)), strict=True)
    result = clips.clone()
    for operation, rows in parts:
        if len(rows):
            result[rows] = operation(clips[rows], strength[rows])
    return result


def _signs(clips: Tensor, generator: Generator) -> Tensor:
    return 1 - 2 * torch.randint(2, (len(clips),), generator=generator, device=clips.device).float()


def _as_clips(batch: Tensor) -> Tensor:
    return batch.unsqueeze(2) if batch.ndim == 4 else batch


def _column(values: Tensor) -> Tensor:
    """Reshape one value per sample so that it broadcasts to [n, 3, T, H, W]."""
    return values.view(-1, 1, 1, 1, 1)


def _flat(clips: Tensor, operation: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply an operation of images to [n, 3, T * H, W], so that statistics are taken over the whole clip."""
    return operation(clips.flatten(2, 3)).reshape(clips.shape)


def _enhance(clips: Tensor, degenerate: Tensor, strength: Tensor) -> Tensor:
    """Return degenerate + (1 + 0.9 strength) (clips - degenerate)."""
    enhanced = torch.lerp(degenerate.float(), clips.float(), _column(1 + 0.9 * strength))
    return enhanced.round_().clamp_(0, 255).to(torch.uint8)


def _affine(
    clips: Tensor,
    xx: Tensor | float,
    xy: Tensor | float,
    yx: Tensor | float,
    yy: Tensor | float,
    *,
    move_x: Tensor | float = 0.0,
    move_y: Tensor | float = 0.0,
) -> Tensor:
    matrices = torch.zeros(len(clips), 6, device=clips.device)
    for place, value in enumerate((xx, xy, move_x, yx, yy, move_y)):
        matrices[:, place] = value
    return resample(clips, matrices.view(-1, 2, 3))
