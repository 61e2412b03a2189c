"""Picture files of any size to square pixels, as the benchmark prepares ImageNet."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")


def square(encoded: bytes, side: int, *, upright: bool = False) -> np.ndarray:
    """Decode a picture, resize its short side (bilinear, antialiased) and cut out the central square.

    The same as torchvision's Resize(side) and CenterCrop(side) on a PIL image, which ImageNet-C was made with.

    Args:
        encoded: a file that Pillow reads.
        side: of the square in pixels.
        upright: turn the picture as its EXIF orientation says (the benchmark does not).

    Returns:
        RGB uint8 [side, side, 3].
    """
    with Image.open(io.BytesIO(encoded)) as file:
        image = (ImageOps.exif_transpose(file) if upright else file).convert("RGB")
    width, height = image.size
    short = min(width, height)
    if short != side:
        width, height = int(width * side / short), int(height * side / short)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return np.asarray(image.crop((left, top, left + side, top + side)))
