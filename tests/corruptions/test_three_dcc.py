"""The corruptions of ImageNet-3DCC that need no depth."""

import math

import numpy as np
import pytest
from PIL import Image, ImageOps

from dst_robustness.corruptions import corrupt_images
from dst_robustness.corruptions.three_dcc import poisson


def flat(value: int, count: int = 20) -> np.ndarray:
    return np.full((count, 32, 32, 3), value, dtype=np.uint8)


def test_quantising_keeps_the_upper_bits():
    """Five of eight at severity 1, one at severity 5."""
    image = np.array([0, 7, 8, 127, 128, 255], dtype=np.uint8).reshape(1, 1, 2, 3)
    mild, strong = (corrupt_images(image, "color_quant", severity, family="cifar").ravel() for severity in (1, 5))
    assert mild.tolist() == [0, 0, 8, 120, 128, 248]
    assert strong.tolist() == [0, 0, 0, 0, 128, 128]


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_quantising_is_pillows_posterise(images, severity):
    """The upper 6 - severity bits are kept."""
    expected = ImageOps.posterize(Image.fromarray(images[0]), 6 - severity)
    result = corrupt_images(images[:1], "color_quant", severity, family="imagenet")[0]
    np.testing.assert_array_equal(result, np.asarray(expected))


def test_poisson_counts_are_those_of_the_distribution():
    """With mean 0.5, the chance of zero is 0.6065 and that of one is 0.3033. No count exceeds the limit."""
    assert [poisson(share, 0.5, 25) for share in (0.0, 0.606, 0.607, 0.909, 0.910)] == [0, 0, 1, 1, 2]
    assert poisson(1 - 2**-53, 100.0, 120) == 120
    assert poisson(0.99, 0.0, 120) == 0


@pytest.mark.parametrize(("severity", "sigma"), [(1, 0.056), (3, 0.126)])
def test_iso_noise_has_the_variance_of_photons_and_electronics(severity, sigma):
    """At 40% brightness little is clipped: variance 0.4 / 25 + sigma ** 2 in units of the [0, 1] image."""
    noisy = corrupt_images(flat(102, 60), "iso_noise", severity, family="imagenet") / 255
    assert noisy.std() == pytest.approx(math.sqrt(0.4 / 25 + sigma**2), rel=0.02)
    assert noisy.mean() == pytest.approx(0.4 - 0.5 / 255, abs=0.003)


def test_low_light_squares_the_stretched_image():
    """Severity 1: the brightest value at 0.6, halfway at a quarter of that, the darkest at the noise's own mean."""
    image = flat(100)
    image[:, :10], image[:, 20:] = 50, 150
    dark = corrupt_images(image, "low_light", 1, family="imagenet") / 255
    assert dark[:, 20:].mean() == pytest.approx(0.6 - 0.5 / 255, abs=0.003)
    assert dark[:, 10:20].mean() == pytest.approx(0.15 - 0.5 / 255, abs=0.003)
    assert dark[:, 20:].std() == pytest.approx(math.sqrt(0.6 / 120 + 0.018**2), rel=0.03)
    assert dark[:, :10].mean() < 0.01


@pytest.mark.parametrize("value", [0, 90, 255])
def test_an_image_without_a_range_turns_black(value):
    """The published code divides by zero there."""
    assert corrupt_images(flat(value), "low_light", 1, family="imagenet").max() < 30
