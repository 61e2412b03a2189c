"""Augmentations by name: a 4x4 image and the expected pixels, and the same draws from the same generator."""

from __future__ import annotations

import pytest
import torch

from dst_robustness.study.augmentations import AUGMENTATIONS
from dst_robustness.training import crops
from dst_robustness.training.augmentation import augment

PICTURE = torch.arange(1, 17, dtype=torch.uint8).view(4, 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_of(picture: torch.Tensor, count: int) -> torch.Tensor:
    return picture.expand(count, 3, *picture.shape).contiguous()


def some_images(count: int = 6, size: int = 16) -> torch.Tensor:
    return torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=generator(1))


def window(row: int, column: int) -> torch.Tensor:
    """Cut the window out of the padded image by plain indexing: what a crop at this place must give."""
    padded = torch.zeros(12, 12, dtype=torch.uint8)
    padded[4:8, 4:8] = PICTURE
    return padded[row : row + 4, column : column + 4]


def test_a_crop_shifts_the_picture_over_black():
    """Protects the crop's geometry: one row down and two columns right of the middle, pixel for pixel."""
    images = batch_of(PICTURE, 2)
    cropped = crops._window(images, torch.tensor([5, 4]), torch.tensor([6, 4]), flipped=torch.tensor([False, True]))
    shifted = torch.tensor([[7, 8, 0, 0], [11, 12, 0, 0], [15, 16, 0, 0], [0, 0, 0, 0]], dtype=torch.uint8)
    mirrored = torch.tensor([[4, 3, 2, 1], [8, 7, 6, 5], [12, 11, 10, 9], [16, 15, 14, 13]], dtype=torch.uint8)
    assert torch.equal(cropped, torch.stack([shifted, mirrored]).unsqueeze(1).expand(2, 3, 4, 4))


def test_crops_reach_every_place_and_no_other():
    """Protects the draw: all 81 windows of the padded image appear, about equally often, and nothing else."""
    cropped = augment(batch_of(PICTURE, 8100), "crop", generator())
    places = torch.stack([window(row, column) for row in range(9) for column in range(9)]).flatten(1)
    found = (cropped[:, 0].flatten(1)[:, None] == places[None]).all(-1)
    # The 32 places on the border have left the image: these windows are black and look alike.
    assert found.any(1).all()
    assert found[:, 40].sum().item() == pytest.approx(100, abs=40)
    assert all(found[:, place].any() for place in range(81))


def test_flips_mirror_half_of_the_batch():
    """Protects the flip: a sample is itself or its mirror image, each in about half of the cases."""
    flipped = augment(batch_of(PICTURE, 1000), "flip", generator())
    mirrored = (flipped == batch_of(PICTURE.flip(-1), 1)).all(-1).all(-1).all(-1)
    same = (flipped == batch_of(PICTURE, 1)).all(-1).all(-1).all(-1)
    assert (mirrored ^ same).all()
    assert 400 < mirrored.sum() < 600


def test_crop_flip_is_crop_then_flip():
    """Protects the fused default: the same draws as the two after one another, and the same pixels."""
    images = some_images()
    assert torch.equal(augment(images, "crop_flip", generator(3)), augment(images, "crop+flip", generator(3)))


def test_a_resized_crop_of_a_ramp_is_a_gentler_ramp():
    """Protects the resized crop: a ramp keeps its direction, and its slope shrinks with the box."""
    ramp = torch.arange(0, 256, 4, dtype=torch.uint8).expand(64, 64)
    cropped = augment(batch_of(ramp, 200), "resized_crop", generator()).float()
    assert (cropped[..., 1:] >= cropped[..., :-1]).all()
    assert (cropped[..., 0, :] - cropped[..., -1, :]).abs().max() <= 1
    shares = (cropped[:, 0, 0, -1] - cropped[:, 0, 0, 0]) / 252
    # The narrowest box is sqrt(0.08 * 3 / 4) = 0.245 of the width, the widest the whole.
    assert shares.min() > 0.2
    assert shares.max() <= 1
    assert 0.6 < shares.mean() < 0.8


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_generator_alone_decides(name):
    """Protects bit-exact resume: equal generators give equal batches; torch's global one is not touched."""
    images = some_images(32)
    before, original = torch.get_rng_state(), images.clone()
    first, again, other = (augment(images, name, generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name == "none")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(images, original), "the batch that came in is left as it was"
    assert first.shape == images.shape
    assert first.dtype == torch.uint8


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_frames_of_a_clip_are_treated_alike(name):
    """Protects motion: a clip of one repeated image stays a clip of one repeated image."""
    clips = some_images(20).unsqueeze(2).expand(-1, -1, 4, -1, -1).contiguous()
    result = augment(clips, name, generator())
    assert result.shape == clips.shape
    assert torch.equal(result, result[:, :, :1].expand_as(result))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_nothing_waits_for_the_device(name):
    """Protects the throughput on a GPU: an augmentation that reads back to the host, or copies from it, is an error."""
    images, draw = some_images(32).cuda(), torch.Generator("cuda").manual_seed(0)
    augment(images, name, draw)
    torch.cuda.set_sync_debug_mode("error")
    try:
        augment(images, name, draw)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_clip_of_one_frame_is_an_image():
    """Protects the shared code: images and one-frame clips get the same pixels from the same generator."""
    images = some_images(20)
    for name in AUGMENTATIONS:
        as_clip = augment(images.unsqueeze(2), name, generator()).squeeze(2)
        assert torch.equal(as_clip, augment(images, name, generator())), name


@pytest.mark.parametrize(
    ("batch", "name", "message"),
    [
        (some_images(), "crop_flop", "unknown augmentation 'crop_flop'. Did you mean 'crop_flip'"),
        (some_images(), "crop+", "unknown augmentation ''"),
        (some_images().float(), "crop", "torch.float32"),
        (some_images().movedim(1, -1), "crop", "must be uint8"),
    ],
)
def test_bad_input_is_named(batch, name, message):
    """Protects from an augmentation that silently does something else."""
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        augment(batch, name, generator())
