"""Mixing pairs of samples and their labels: mixup and CutMix, for whole batches on the device."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


class Mixed(NamedTuple):
    """A mixed batch: a ``share`` [N] of each sample and its label, and the rest of its partner.

    Attributes:
        samples: [N, 3, ...], float32 in 0..255 (uint8 if nothing is mixed).
        labels, partners: int64 [N].
        share: float32 [N], the weight of ``labels``.
    """

    samples: Tensor
    labels: Tensor
    partners: Tensor
    share: Tensor


def unmixed(samples: Tensor, labels: Tensor, generator: Generator) -> Mixed:
    """Return the batch as it is. Each sample is its own partner."""
    return Mixed(samples, labels, labels, torch.ones(len(labels), device=labels.device))


def mixup(samples: Tensor, labels: Tensor, generator: Generator, alpha: float = 0.8) -> Mixed:
    """Average pairs with weights from Beta(alpha, alpha) (Zhang et al., 2018, https://arxiv.org/abs/1710.09412)."""
    partner = _permutation(labels, generator)
    share = _beta(labels, alpha, generator)
    pixels = samples.float()
    mixed = torch.lerp(pixels[partner], pixels, _column(share, samples))
    return Mixed(mixed, labels, labels[partner], share)


def cutmix(samples: Tensor, labels: Tensor, generator: Generator, alpha: float = 1.0) -> Mixed:
    """Paste a box of the partner, the same in all frames (Yun et al., 2019, https://arxiv.org/abs/1905.04899).

    The box has the image's aspect ratio, an area from Beta(alpha, alpha) and its centre anywhere, so that the border
    may cut it off; the share is that of the pixels which stay.
    """
    height, width = samples.shape[-2:]
    partner = _permutation(labels, generator)
    side = (1 - _beta(labels, alpha, generator)).sqrt()
    centres = torch.rand(2, len(labels), generator=generator, device=labels.device)
    rows = _inside(centres[0] * height, side * height, height)
    columns = _inside(centres[1] * width, side * width, width)
    box = rows[:, :, None] & columns[:, None, :]
    where = box.view(len(labels), *[1] * (samples.ndim - 3), height, width)
    mixed = torch.where(where, samples[partner], samples).float()
    return Mixed(mixed, labels, labels[partner], 1 - box.float().mean((1, 2)))


def mixup_cutmix(samples: Tensor, labels: Tensor, generator: Generator) -> Mixed:
    """Apply mixup (alpha 0.8) or CutMix (alpha 1) to each sample with equal chance, as strong as in DeiT's recipe."""
    first, second = mixup(samples, labels, generator), cutmix(samples, labels, generator)
    coins = torch.rand(len(labels), generator=generator, device=labels.device) < 0.5
    return Mixed(
        torch.where(_column(coins, samples), first.samples, second.samples),
        labels,
        torch.where(coins, first.partners, second.partners),
        torch.where(coins, first.share, second.share),
    )


def parts(batch: Mixed, count: int) -> list[Mixed]:
    """Divide a batch into at most ``count`` parts of nearly the same size, for accumulating gradients.

    Each part has at least two samples if the batch has, since a single sample has no batch statistics.
    """
    count = min(count, max(1, len(batch.labels) // 2))
    pieces = [tensor.tensor_split(count) for tensor in batch]
    return [Mixed(*tensors) for tensors in zip(*pieces, strict=True)]


def mixed_cross_entropy(logits: Tensor, mixed: Mixed, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy with both labels of each sample, weighted by their shares."""
    own = F.cross_entropy(logits, mixed.labels, reduction="none", label_smoothing=label_smoothing)
    other = F.cross_entropy(logits, mixed.partners, reduction="none", label_smoothing=label_smoothing)
    return torch.lerp(other, own, mixed.share).mean()


def _permutation(labels: Tensor, generator: Generator) -> Tensor:
    return torch.rand(len(labels), generator=generator, device=labels.device).argsort()


def _beta(labels: Tensor, alpha: float, generator: Generator) -> Tensor:
    # torch.distributions takes no generator, so the gamma variables come from the function that it uses.
    gammas = torch._standard_gamma(torch.full((2, len(labels)), alpha, device=labels.device), generator=generator)
    return gammas[0] / gammas.sum(0)


def _inside(centre: Tensor, length: Tensor, size: int) -> Tensor:
    """Return which of ``size`` pixels have their centres in the interval, [N, size]."""
    pixels = torch.arange(size, device=centre.device) + 0.5
    return (pixels - centre[:, None]).abs() < length[:, None] / 2


def _column(values: Tensor, samples: Tensor) -> Tensor:
    return values.view(-1, *[1] * (samples.ndim - 1))
