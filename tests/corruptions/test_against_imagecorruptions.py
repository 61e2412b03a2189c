"""Pixel by pixel against the imagecorruptions package, where it is installed and does the same thing."""

import importlib.util
import sys
import types
import warnings

import numpy as np
import pytest

from dst_robustness.corruptions import SEVERITIES, corrupt_images

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("imagecorruptions") is None or importlib.util.find_spec("skimage") is None,
    reason="imagecorruptions or scikit-image is not installed",
)


@pytest.fixture
def corrupt(monkeypatch):
    """The package's own function; it asks for pkg_resources, which current setuptools no longer has."""
    resources = types.ModuleType("pkg_resources")
    resources.resource_filename = lambda package, name: name
    monkeypatch.setitem(sys.modules, "pkg_resources", resources)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from imagecorruptions import corrupt
    return corrupt


@pytest.mark.parametrize("name", ["defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "saturate"])
def test_deterministic_corruptions_agree_at_224_pixels(images, corrupt, name):
    """At least 99.5% of the values within one grey level, at every severity; JPEG has another codec there."""
    image = np.kron(images[0], np.ones((7, 7, 1), dtype=np.uint8))
    for severity in SEVERITIES:
        expected = corrupt(image, corruption_name=name, severity=severity).astype(int)
        result = corrupt_images(image[None], name, severity, family="imagenet")[0]
        assert (np.abs(result - expected) <= 1).mean() >= 0.995


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "speckle_noise", "impulse_noise"])
def test_noise_has_the_same_distribution_at_224_pixels(images, corrupt, name):
    """Mean and deviation of a flat image within five standard errors."""
    flat = np.full((224, 224, 3), 90, dtype=np.uint8)
    for severity in (1, 5):
        expected = corrupt(flat, corruption_name=name, severity=severity).astype(float)
        result = corrupt_images(flat[None], name, severity, family="imagenet").astype(float)
        error = np.sqrt(2 / expected.size)
        assert abs(result.mean() - expected.mean()) < 5 * error * expected.std()
        fourth = ((expected - expected.mean()) ** 4).mean() / expected.var() ** 2
        assert abs(result.var() / expected.var() - 1) < 5 * error * np.sqrt(fourth - 1)
