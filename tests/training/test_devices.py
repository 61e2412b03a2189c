"""The arithmetic of the forward pass."""

import pytest
import torch

from dst_robustness.training.devices import autocast

IMAGES, CLIPS = torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 2, 8, 8)


def test_clips_are_float32_on_a_cpu() -> None:
    """Their bf16 weight gradients hold garbage (oneDNN): a network would diverge at random."""
    with autocast(CLIPS, "auto"):
        assert torch.nn.Conv3d(3, 4, 3)(torch.zeros(2, 3, 3, 8, 8)).dtype == torch.float32
    with pytest.raises(ValueError, match=r"clips need float32 on a CPU; allowed: auto, float32"):
        autocast(CLIPS, "bfloat16")


@pytest.mark.parametrize(("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_images_have_the_precision_that_is_asked_for(precision: str, expected: torch.dtype) -> None:
    """On any processor: a study may insist."""
    with autocast(IMAGES, precision):
        assert torch.nn.Conv2d(3, 4, 3)(IMAGES).dtype == expected
