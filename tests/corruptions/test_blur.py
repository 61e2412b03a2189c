"""Kernels: what a single bright pixel becomes."""

import numpy as np
import pytest
from scipy import ndimage

from dst_robustness.corruptions import FAMILIES, SEVERITIES, corrupt_images
from dst_robustness.corruptions.blur import disc_kernel, zoom_taps
from dst_robustness.corruptions.filters import gaussian_weights, motion_weights, smear


def point(side: int = 65) -> np.ndarray:
    images = np.zeros((1, side, side, 3), dtype=np.uint8)
    images[0, side // 2, side // 2] = 255
    return images


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_gaussian_blur_is_that_of_scipy(images, severity):
    """Cut at 4 sigma, edges repeated, fractions cut off: at most one grey level where a sum is a whole number."""
    (sigma,) = FAMILIES["imagenet"]["gaussian_blur"][severity - 1]
    expected = ndimage.gaussian_filter(images / 255, (0, sigma, sigma, 0), mode="nearest", truncate=4) * 255
    result = corrupt_images(images, "gaussian_blur", severity, family="imagenet")
    assert np.abs(result - np.floor(expected)).max() <= 1
    assert (result == np.floor(expected)).mean() > 0.99


def test_gaussian_weights_are_half_a_kernel_that_sums_to_one():
    """Radius int(4 sigma + 0.5)."""
    weights = gaussian_weights(1.0)
    assert len(weights) == 5
    assert 2 * weights.sum() - weights[0] == pytest.approx(1)
    np.testing.assert_allclose(weights[1] / weights[0], np.exp(-0.5))
    assert list(gaussian_weights(0.05)) == [1.0]


def test_defocus_kernel_is_a_smoothed_disc():
    """Radius 3: 29 pixels of equal weight inside, symmetric, sum 1."""
    kernel = disc_kernel(3, 0.1)
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    assert (kernel > 0.01).sum() == 29
    np.testing.assert_array_equal(kernel, kernel[::-1, ::-1])


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_defocus_is_a_correlation_with_its_kernel(images, family, severity):
    """Borders mirrored at the edge pixel; at most one grey level where a sum is a whole number."""
    kernel = disc_kernel(*FAMILIES[family]["defocus_blur"][severity - 1])
    expected = ndimage.correlate(images.astype(float), kernel[None, :, :, None].astype(float), mode="mirror")
    result = corrupt_images(images, "defocus_blur", severity, family=family)
    difference = np.abs(result - np.floor(np.minimum(expected, 255)))
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.9


@pytest.mark.parametrize(("radius", "total"), [(8, 1.01298), (10, 1.01079)])
def test_the_two_large_defocus_kernels_brighten_as_the_published_ones_do(radius, total):
    """Their smoothing mirrors the disc's tips at the border of the kernel, which adds weight."""
    assert disc_kernel(radius, 0.5).sum() == pytest.approx(total, abs=1e-4)


def test_defocus_at_the_lowest_cifar_severities_is_its_smoothing_alone():
    """A disc of radius 0.3 is one pixel; the 3x3 Gaussian of sigma 0.4 remains."""
    kernel = corrupt_images(point(), "defocus_blur", 1, family="cifar")[0, 31:34, 31:34, 0] / 255
    side = np.exp(-0.5 / 0.4**2)
    expected = np.outer([side, 1, side], [side, 1, side]) / (1 + 2 * side) ** 2
    np.testing.assert_allclose(kernel, expected, atol=1 / 255)


def test_glass_blur_copies_single_pixels_from_its_neighbourhood():
    """Without blur (sigma 0.05) pixels take values from one step away; copies, so some values multiply."""
    rng = np.random.default_rng(0)
    images = rng.permutation(256).reshape(1, 16, 16, 1).repeat(3, axis=3).astype(np.uint8)
    result = corrupt_images(images, "glass_blur", 1, family="cifar")[0, :, :, 0].astype(int)
    before = np.pad(images[0, :, :, 0].astype(int), 1, mode="edge")
    neighbours = np.stack([before[1 + dy : 17 + dy, 1 + dx : 17 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    direct = (np.abs(neighbours - result) <= 1).any(axis=0)
    assert direct.mean() > 0.6  # the others were copied on from a pixel that had been replaced before
    assert len(np.unique(result)) < 200
    np.testing.assert_array_equal(result[0], images[0, 0, :, 0])


def test_motion_blur_is_a_one_sided_half_gaussian():
    """Straight to the right: the pixel left of a bright one gets the second weight, the one right of it nothing."""
    weights = motion_weights(2, 1.5)
    assert len(weights) == 5
    assert weights.sum() == pytest.approx(1)
    image = np.zeros((9, 9), dtype=np.float32)
    image[4, 4] = 1
    np.testing.assert_allclose(smear(image, weights, 0.0, 1)[4], [*weights[::-1], 0, 0, 0, 0], atol=1e-7)
    np.testing.assert_allclose(smear(image, weights, 90.0, 1)[:, 4], [*weights[::-1], 0, 0, 0, 0], atol=1e-7)


@pytest.mark.parametrize(("family", "counts"), [("cifar", [7, 12, 16, 21, 26]), ("imagenet", [12, 16, 11, 13, 11])])
def test_zoom_blur_averages_the_published_number_of_copies(family, counts):
    """Rounding in the published ranges adds a factor to most of them."""
    assert [len(np.arange(1, *c)) for c in FAMILIES[family]["zoom_blur"]] == counts


@pytest.mark.parametrize("factor", [1.0, 1.06, 1.2, 2.25, 4.5])
@pytest.mark.parametrize("length", [1, 2, 31, 32, 224])
def test_zoom_is_that_of_scipy(length, factor):
    """Middle cropped, stretched corner to corner, middle cropped again."""
    row = np.random.default_rng(0).normal(size=length)
    crop = int(np.ceil(length / factor))
    first = (length - crop) // 2
    zoomed = ndimage.zoom(row[first : first + crop], factor, order=1)
    lower, upper_weight = zoom_taps(length, factor)
    upper = np.minimum(lower + 1, length - 1)
    result = row[lower] * (1 - upper_weight) + row[upper] * upper_weight
    trim = (len(zoomed) - length) // 2
    if len(zoomed) >= length:
        np.testing.assert_allclose(result, zoomed[trim : trim + length], atol=1e-6)
    assert len(result) == length
