"""JPEG: the pixels of Pillow 5.0, which holds libjpeg 9.2, and of today's Pillow, which holds libjpeg-turbo."""

import io

import numpy as np
import pytest
from PIL import Image

from dst_robustness.corruptions import FAMILIES, SEVERITIES, corrupt_images
from dst_robustness.corruptions.jpeg import jpeg_compression, jpeg_compression_turbo


def coloured_stripes() -> np.ndarray:
    """Neither side a multiple of 16, sharp edges in all colours."""
    y, x, channel = np.ogrid[:24, :40, :3]
    return ((3 * x * x + 5 * x * y + 60 * channel * (y // 4) + 90 * (x // 9 % 2)) % 256).astype(np.uint8)


@pytest.mark.parametrize(
    ("quality", "total", "pixels"),
    [
        (80, 359_862, [[178, 196, 200], [192, 189, 180], [96, 34, 97], [40, 22, 48]]),
        (40, 360_177, [[199, 218, 224], [193, 208, 241], [97, 15, 55], [65, 21, 54]]),
        (7, 361_375, [[226, 250, 255], [234, 255, 255], [96, 79, 87], [107, 92, 99]]),
    ],
)
def test_the_benchmarks_codec_is_libjpeg_9(quality, total, pixels):
    """Values that Pillow 5.0.0 gave on Python 3.6; libjpeg-turbo differs in most pixels of this image."""
    result = jpeg_compression(coloured_stripes()[None], None, quality)[0]
    assert result[20, 30:34].tolist() == pixels
    assert result.sum(dtype=int) == total
    assert (result != jpeg_compression_turbo(coloured_stripes()[None], None, quality)[0]).mean() > 0.3


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("shape", [(1, 1), (5, 17), (32, 32)])
def test_a_flat_picture_keeps_its_grey(level, shape):
    """No ringing, no wrap-around at the ends of the range, also where most of a block lies beyond the edge."""
    flat = np.full((2, *shape, 3), level, dtype=np.uint8)
    assert np.abs(jpeg_compression(flat, None, 50).astype(int) - level).max() <= 1


@pytest.mark.parametrize("severity", SEVERITIES)
def test_todays_codec_is_pillows(images, severity):
    """Same tables, same chroma, same decoder: the same pixels."""
    (quality,) = FAMILIES["cifar"]["jpeg_compression"][severity - 1]
    encoded = io.BytesIO()
    Image.fromarray(images[0]).save(encoded, "JPEG", quality=quality)
    np.testing.assert_array_equal(jpeg_compression_turbo(images[:1], None, quality)[0], np.array(Image.open(encoded)))


def test_image_corruptions_take_the_benchmarks_codec(images):
    """The registry's entry is the one that was compared with the original."""
    (quality,) = FAMILIES["cifar"]["jpeg_compression"][2]
    expected = jpeg_compression(images, None, quality)
    np.testing.assert_array_equal(corrupt_images(images, "jpeg_compression", 3, family="cifar"), expected)
