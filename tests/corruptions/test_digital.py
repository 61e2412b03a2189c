"""Contrast, saturation, pixelation, JPEG, elastic transform, spatter."""

import cv2
import numpy as np
import pytest
from PIL import Image

from dst_robustness.corruptions import FAMILIES, SEVERITIES, corrupt_images
from dst_robustness.corruptions.spatter import _distance_to_edge


def test_contrast_draws_each_channel_to_its_mean():
    """Channel values 0 and 200, factor 0.4: 60 and 140."""
    images = np.array([0, 200], dtype=np.uint8).reshape(1, 1, 2, 1).repeat(3, axis=3)
    assert corrupt_images(images, "contrast", 3, family="cifar")[0, 0, :, 0].tolist() == [60, 140]


def test_saturation_keeps_the_value_and_turns_grey_reddish():
    """S of (200, 100, 150) is 0.5, times 0.3 is 0.15; grey with S + 0.2 loses a fifth of green and blue."""
    pixel = np.array([200, 100, 150], dtype=np.uint8).reshape(1, 1, 1, 3)
    assert corrupt_images(pixel, "saturate", 1, family="cifar").ravel().tolist() == [200, 170, 185]
    grey = np.full((1, 1, 1, 3), 100, dtype=np.uint8)
    assert corrupt_images(grey, "saturate", 5, family="cifar").ravel().tolist() == [100, 80, 80]
    assert corrupt_images(grey, "saturate", 1, family="cifar").ravel().tolist() == [100, 100, 100]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(32, 32), (224, 224), (37, 61)])
def test_pixelation_is_pillows_box_filter(family, shape):
    """Down and up again, to the last bit."""
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for severity in SEVERITIES:
        (scale,) = FAMILIES[family]["pixelate"][severity - 1]
        small = Image.fromarray(image).resize((int(shape[1] * scale), int(shape[0] * scale)), Image.Resampling.BOX)
        expected = np.array(small.resize(shape[::-1], Image.Resampling.BOX))
        np.testing.assert_array_equal(corrupt_images(image[None], "pixelate", severity, family=family)[0], expected)


def test_elastic_transform_moves_and_does_not_recolour():
    """Every value lies between its surroundings': a smooth ramp stays within its range and keeps most of its slope."""
    ramp = np.arange(0, 256, 8, dtype=np.uint8)[None, None, :, None].repeat(32, axis=1).repeat(3, axis=3)
    result = corrupt_images(ramp.repeat(20, axis=0), "elastic_transform", 1, family="cifar").astype(float)
    assert result.max() <= 248
    slope = np.diff(result[:, 8:24, 8:24].mean(axis=(0, 1, 3))).mean()
    assert slope == pytest.approx(8, abs=1)
    assert (result - ramp).std() > 2


def test_the_distance_to_drops_is_that_of_opencv():
    """Same chamfer; OpenCV's own varies in the fourth digit between builds."""
    edges = (np.random.default_rng(0).random((40, 50)) > 0.995).astype(np.uint8)
    expected = cv2.distanceTransform(1 - edges, cv2.DIST_L2, 5)
    np.testing.assert_allclose(_distance_to_edge(edges), np.minimum(expected, 20), atol=1e-3)


def test_water_brightens_and_mud_covers_with_brown():
    """Severities 1-3 add pale turquoise, 4-5 lay (63, 42, 20) over everything where they are thick."""
    black = np.zeros((5, 64, 64, 3), dtype=np.uint8)
    water = corrupt_images(black, "spatter", 3, family="imagenet").reshape(-1, 3).astype(int)
    wet = water[water[:, 1] > 100]
    assert len(wet)
    np.testing.assert_allclose(wet[:, 0] / wet[:, 1], 175 / 238, atol=0.02)
    mud = corrupt_images(black + 255, "spatter", 4, family="imagenet").reshape(-1, 3)
    covered = mud[(mud != 255).any(axis=1)].astype(int)
    assert 0.02 < len(covered) / len(mud) < 0.9
    assert (covered[:, 0] <= 0.2 * 255 + 63).all()
    assert (covered[:, 2] < covered[:, 1]).all()
