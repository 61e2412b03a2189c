"""The operations of RandAugment and AugMix, against torchvision's or by expected pixels."""

from __future__ import annotations

import pytest
import torch
import torchvision.transforms.v2.functional as tv

from dst_robustness.training import auto_augment
from dst_robustness.training.auto_augment import augmix, randaugment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth_images(count: int, size: int = 16) -> torch.Tensor:
    """Return coloured ramps, [n, 3, 1, size, size]: interpolation and rounding change them little."""
    ramp = torch.linspace(20, 220, size)
    image = torch.stack([ramp.expand(size, size), ramp.expand(size, size).T, torch.full((size, size), 90.0)])
    return image.to(torch.uint8).expand(count, 3, size, size).unsqueeze(2).contiguous()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (auto_augment.brightness, tv.adjust_brightness),
        (auto_augment.color, tv.adjust_saturation),
        (auto_augment.contrast, tv.adjust_contrast),
        (auto_augment.sharpness, tv.adjust_sharpness),
    ],
)
def test_enhancements_equal_those_of_torchvision(ours, theirs):
    """Protects the enhancements: factor 1 + 0.9 s for each sample, as torchvision does it for one factor."""
    clips, strengths = smooth_images(3), torch.tensor([-0.5, 0.0, 0.5])
    result = ours(clips, strengths)
    for index, strength in enumerate(strengths.tolist()):
        expected = theirs(clips[index, :, 0], 1 + 0.9 * strength)
        difference = result[index, :, 0].int() - expected.int()
        assert difference.abs().max() <= 1, "torchvision cuts fractions off, here they are rounded"
    assert torch.equal(result[1], clips[1])


def test_rotation_equals_that_of_torchvision():
    """Protects the geometry: strength 0.5 turns by 15 degrees, on images that are not square too."""
    clips = smooth_images(1, 16)[..., :12].contiguous()
    result = auto_augment.rotate(clips, torch.tensor([0.5]))[0, :, 0]
    both = [tv.rotate(clips[0, :, 0].float(), angle, tv.InterpolationMode.BILINEAR) for angle in (-15.0, 15.0)]
    assert min((result - expected).abs().max().item() for expected in both) <= 1


def test_translations_and_shears_move_by_their_share():
    """Protects the geometry: a quarter of eight columns is two columns; the middle stays in place under a shear."""
    clips = torch.arange(8, dtype=torch.uint8).expand(1, 3, 1, 8, 8).contiguous()
    moved = auto_augment.translate_x(clips, torch.tensor([1.0]), share=0.25)
    assert moved[0, 0, 0, 0].tolist() == [2, 3, 4, 5, 6, 7, 0, 0]
    turned = auto_augment.translate_y(clips.transpose(-1, -2).contiguous(), torch.tensor([-1.0]), share=0.25)
    assert turned[0, 0, 0, :, 0].tolist() == [0, 0, 0, 1, 2, 3, 4, 5]
    point = torch.zeros(1, 3, 1, 9, 9, dtype=torch.uint8)
    point[..., 4, 4] = 200
    for shear in (auto_augment.shear_x, auto_augment.shear_y):
        assert torch.equal(shear(point, torch.tensor([0.7])), point)


def test_posterize_and_solarize_by_the_values():
    """Protects the thresholds: four bits keep multiples of 16; strength 0.25 inverts from 192 on."""
    clips = torch.tensor([0, 17, 191, 192, 255], dtype=torch.uint8).expand(1, 3, 1, 1, 5).contiguous()
    four_bits = auto_augment.posterize(clips, torch.tensor([0.0]), bits=4)
    assert four_bits[0, 0, 0, 0].tolist() == [0, 16, 176, 192, 240]
    three_bits = auto_augment.posterize(clips, torch.tensor([-0.3]), bits=4)
    assert three_bits[0, 0, 0, 0].tolist() == [0, 0, 160, 192, 224]
    inverted = auto_augment.solarize(clips, torch.tensor([0.25]))
    assert inverted[0, 0, 0, 0].tolist() == [0, 17, 191, 63, 0]


def test_operations_are_dealt_out_equally_and_at_random():
    """Protects the choice: in a batch of six, two operations get three samples each, not always the same ones."""
    clips = torch.zeros(6, 3, 1, 1, 1, dtype=torch.uint8)
    operations = [lambda clips, strength: clips + 1, lambda clips, strength: clips + 2]
    draw = generator()
    dealt = [tuple(auto_augment._deal_out(clips, operations, torch.zeros(6), draw)[:, 0].flatten().tolist())
             for _ in range(20)]  # fmt: skip
    assert all(sorted(values) == [1, 1, 1, 2, 2, 2] for values in dealt)
    assert len(set(dealt)) > 5


def test_zero_magnitude_leaves_all_but_the_histogram_operations_alone():
    """Protects the strengths: at magnitude 0 only autocontrast and equalize may change an image."""
    images = torch.randint(20, 220, (28, 3, 32, 32), dtype=torch.uint8, generator=generator())
    changed = (randaugment(images, generator(), count=1, magnitude=0.0) != images).flatten(1).any(1)
    assert changed.sum() == 2 * 28 // 14


def test_augmix_stays_near_the_picture():
    """Protects the mixture: a convex one, so that a grey image moves by no more than its operations move it."""
    images = smooth_images(64)[:, :, 0]
    mixed = augmix(images, generator())
    shift = (mixed.float() - images.float()).abs().flatten(1).mean(1)
    assert 0 < shift.mean() < 40
    assert not torch.equal(mixed[0], mixed[1])


def test_augmix_leaves_out_what_the_corruptions_test():
    """Protects the fairness of the benchmark, as the paper of AugMix does."""
    names = {getattr(operation, "func", operation).__name__ for operation in auto_augment.AUGMIX}
    assert not names & {"brightness", "color", "contrast", "sharpness"}
    assert len(auto_augment.RANDAUGMENT) == 14
