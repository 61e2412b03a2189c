"""Mixup and CutMix: the pixels and the labels are mixed in the same shares."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dst_robustness.study.augmentations import MIXINGS
from dst_robustness.training.mixing import Mixed, cutmix, mixed_cross_entropy, mixup, parts


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labelled(count: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return samples whose every pixel is their label, so that a mixed pixel tells what it is made of."""
    labels = torch.arange(count)
    return labels.to(torch.uint8).view(-1, *[1] * len(shape)).expand(count, *shape).contiguous(), labels


@pytest.mark.parametrize("name", ["mixup", "cutmix", "mixup_cutmix"])
@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 2, 8, 8)])
def test_labels_are_mixed_as_the_pixels_are(name, shape):
    """Protects the labels: the mean pixel is share x own label + the rest x partner's, for images and clips."""
    samples, labels = labelled(50, *shape)
    mixed = MIXINGS[name](samples, labels, generator())
    expected = mixed.share * labels + (1 - mixed.share) * mixed.partners
    torch.testing.assert_close(mixed.samples.flatten(1).mean(1), expected)
    assert (mixed.partners != labels).sum() > 40
    assert ((mixed.share > 0.1) & (mixed.share < 0.9)).any()


def test_mixup_shares_follow_beta():
    """Protects alpha: Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1))."""
    samples, labels = labelled(4000, 3, 1, 1)
    for alpha in (0.2, 1.0):
        share = mixup(samples, labels, generator(), alpha=alpha).share
        assert share.mean().item() == pytest.approx(0.5, abs=0.03)
        assert share.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_cutmix_pastes_one_box():
    """Protects the geometry: each row of a mixed image is untouched or changed between the same two columns."""
    samples, labels = labelled(250, 3, 12, 12)
    mixed = cutmix(samples, labels, generator())
    pasted = (mixed.samples != samples)[:, 0]
    for box in pasted[mixed.partners != labels]:
        rows, columns = box.any(1), box.any(0)
        assert torch.equal(box, rows[:, None] & columns[None, :])
        for line in (rows, columns):
            assert (line.int().diff() == 1).sum() <= 1, "one interval"
    # A side s, as a share of the image and centred anywhere, covers s - s^2 / 4: the mean area over s^2 is 0.321.
    assert pasted.float().mean().item() == pytest.approx(0.321, abs=0.05)


def test_nothing_mixed_is_the_plain_loss():
    """Protects the comparison with unmixed training: the same loss to the last bits, smoothing included."""
    samples, labels = labelled(4, 3, 2, 2)
    mixed = MIXINGS["none"](samples, labels, generator())
    logits = torch.randn(4, 4, generator=generator())
    assert mixed.samples is samples
    torch.testing.assert_close(
        mixed_cross_entropy(logits, mixed, label_smoothing=0.1), F.cross_entropy(logits, labels, label_smoothing=0.1)
    )


def test_the_loss_weighs_both_labels():
    """Protects the loss: probabilities 3/4 and 1/4, shares 1/4 and 3/4, by hand."""
    logits = torch.tensor([[3.0, 1.0]]).log()
    mixed = Mixed(torch.zeros(1), torch.tensor([0]), torch.tensor([1]), torch.tensor([0.25]))
    expected = -(0.25 * torch.tensor(0.75).log() + 0.75 * torch.tensor(0.25).log())
    torch.testing.assert_close(mixed_cross_entropy(logits, mixed), expected)


@pytest.mark.parametrize("name", MIXINGS)
def test_the_generator_alone_decides(name):
    """Protects bit-exact resume: equal generators mix equally, and torch's global one is not touched."""
    samples, labels = labelled(16, 3, 8, 8)
    before = torch.get_rng_state()
    first, again, other = (MIXINGS[name](samples, labels, generator(seed)) for seed in (5, 5, 6))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert torch.equal(first.samples, other.samples) == (name == "none")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("samples", "count", "sizes"),
    [(8, 1, [8]), (8, 2, [4, 4]), (9, 4, [3, 2, 2, 2]), (17, 16, [3, 2, 2, 2, 2, 2, 2, 2]), (3, 3, [3]), (1, 4, [1])],
)
def test_no_part_of_a_batch_is_one_sample(samples: int, count: int, sizes: list[int]) -> None:
    """Batch normalisation has nothing to normalise by in a part of one; together the parts are the batch."""
    batch = MIXINGS["none"](*labelled(samples, 3, 1, 1), generator())
    divided = list(parts(batch, count))
    assert [len(part.labels) for part in divided] == sizes
    assert torch.equal(torch.cat([part.labels for part in divided]), batch.labels)
