"""Moments of the four noises against their formulas, and what is cut off."""

import numpy as np
import pytest

from dst_robustness.corruptions import FAMILIES, corrupt_images

GREY = np.full((4, 64, 64, 3), 100, dtype=np.uint8)


@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize(("name", "scale"), [("gaussian_noise", 255), ("speckle_noise", 100)])
def test_added_noise_has_the_constant_as_deviation_and_is_truncated(name, scale, severity):
    """On mid grey nothing is clipped: deviation = constant x scale, mean half a level low because fractions are cut."""
    (sigma,) = FAMILIES["cifar"][name][severity - 1]
    noise = corrupt_images(GREY, name, severity, family="cifar").astype(float) - 100
    assert noise.std() == pytest.approx(np.hypot(sigma * scale, np.sqrt(1 / 12)), rel=0.02)
    assert noise.mean() == pytest.approx(-0.5, abs=5 * noise.std() / np.sqrt(noise.size))


def test_shot_noise_is_poisson_in_units_of_the_photons():
    """Five photons: outcomes are multiples of 51 with Poisson(5 x 100 / 255) frequencies."""
    result = corrupt_images(GREY, "shot_noise", 4, family="imagenet")
    mean = 5 * 100 / 255
    for count in range(5):
        expected = np.exp(-mean) * mean**count / [1, 1, 2, 6, 24][count]
        assert (result == 51 * count).mean() == pytest.approx(expected, abs=5 * np.sqrt(0.25 / result.size))
    assert set(np.unique(result)) == {0, 51, 102, 153, 204, 255}


def test_shot_noise_leaves_black_black_and_keeps_mean_and_variance():
    """Variance of Poisson(c x) / c is x / c."""
    assert not corrupt_images(GREY * 0, "shot_noise", 5, family="imagenet").any()
    result = corrupt_images(GREY, "shot_noise", 1, family="cifar").astype(float) / 255
    assert result.mean() == pytest.approx(100 / 255 - 0.5 / 255, abs=0.001)
    assert result.var() == pytest.approx(100 / 255 / 500, rel=0.03)


@pytest.mark.parametrize("severity", [1, 5])
def test_impulse_noise_hits_the_share_of_values_half_salt_half_pepper(severity):
    """Channel by channel, not pixel by pixel."""
    (share,) = FAMILIES["imagenet"]["impulse_noise"][severity - 1]
    result = corrupt_images(GREY, "impulse_noise", severity, family="imagenet")
    error = 5 * np.sqrt(share / result.size)
    assert (result == 255).mean() == pytest.approx(share / 2, abs=error)
    assert (result == 0).mean() == pytest.approx(share / 2, abs=error)
    hit = result != 100
    assert hit.all(axis=-1).mean() < share**2  # independent channels: all three with probability share ** 3
    assert ((result == 100) | (result == 0) | (result == 255)).all()
