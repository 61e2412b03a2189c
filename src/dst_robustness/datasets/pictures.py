"""Image files of any size and type to square RGB pixels, as the benchmark prepares ImageNet."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dst_robustness.datasets.spec import MAX_PIXELS

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
FORMATS = (
    "JPEG",
    "PNG",
    "BMP",
    "WEBP",
    "PPM",
    "TIFF",
)  # Pillow's names; others, some of which start a program, stay shut
LARGE = 16_000_000  # pixels; from here on only one image is decoded at a time, whatever the number of threads
LONG = 3  # if an image is this many times as long as wide, only the part that is kept is resized

_BITS, _INTERPRETATION, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
_SIGNED = 2
_one_large = threading.Lock()


def square(encoded: bytes, side: int, *, upright: bool = False, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode an image like ``rgb``, resize its short side (bilinear, antialiased) and crop to the central square.

    The result is that of torchvision's Resize(side) and CenterCrop(side) on a PIL image, with which ImageNet-C was
    made. Images longer than 3:1 are cropped before they are resized, and differ from that by at most one grey level.

    Args:
        encoded: a file in one of ``FORMATS``.
        side: side of the square in pixels.
        upright, max_pixels: see ``rgb``.

    Returns:
        RGB uint8 [side, side, 3].
    """
    with _decoded(encoded, upright=upright, max_pixels=max_pixels) as image:
        return np.asarray(_central(image, side))


def rgb(encoded: bytes, *, upright: bool = False, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode an image of any type in any of the formats.

    Values of more than 8 bits are scaled by the range of their type, floats from 0-1. Transparent parts become white.

    Args:
        encoded: a file in one of ``FORMATS``.
        upright: rotate the image by its EXIF orientation (the benchmark does not).
        max_pixels: larger images are refused. Decoding takes about 12 bytes per pixel.

    Returns:
        RGB uint8 [H, W, 3].

    Raises:
        ValueError: if the file is not such an image or is too large, or if its values have no known range.
    """
    with _decoded(encoded, upright=upright, max_pixels=max_pixels) as image:
        return np.asarray(image)


@contextmanager
def _decoded(encoded: bytes, *, upright: bool, max_pixels: int) -> Iterator[Image.Image]:
    with _open(encoded, max_pixels) as file, _one_large if file.width * file.height > LARGE else nullcontext():
        try:
            if upright:
                ImageOps.exif_transpose(file, in_place=True)
            image = _rgb(file)
            image.load()
        except Exception as error:
            raise _damaged(error) from error
        yield image


def _damaged(error: Exception) -> ValueError:
    """Return the error for a file, whatever error a plugin of Pillow has raised."""
    return error if isinstance(error, ValueError) else ValueError(f"is damaged or cut off: {str(error) or repr(error)}")


def _open(encoded: bytes, max_pixels: int) -> Image.Image:
    if max_pixels > (Image.MAX_IMAGE_PIXELS or max_pixels):
        Image.MAX_IMAGE_PIXELS = max_pixels  # Pillow's limit is for the whole process; here each call has its own
    try:
        file = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(f"is no image that can be read here; read are {', '.join(FORMATS)}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"has more than max_pixels = {max_pixels:,} pixels") from None
    except Exception as error:
        raise _damaged(error) from error
    if file.width * file.height > max_pixels:
        raise ValueError(f"has {file.width} x {file.height} pixels, more than max_pixels = {max_pixels:,}")
    if file.format == "PNG" and "transparency" in file.info:
        file.info["transparency"] = _scaled_key(file.info["transparency"], file.tile[0].args)
    return file


def _scaled_key(key: Any, raw_mode: Any) -> Any:
    """Return the transparent grey or colour of a PNG, scaled like Pillow's pixels. Pillow itself does not scale it."""
    factor = {"1": 255, "L;2": 85, "L;4": 17}.get(raw_mode)
    if factor and isinstance(key, int):
        return factor * key
    return tuple(value >> 8 for value in key) if raw_mode == "RGB;16B" else key


def _rgb(image: Image.Image) -> Image.Image:
    """Convert an opened file to 8 bits per channel, by the meaning of its values in the file."""
    transparent = image.info.get("transparency")
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        scaled = _scaled_floats(values) if image.mode == "F" else _scaled_integers(values, image)
        white_is_zero = _tag(image, _INTERPRETATION) == 0
        grey = Image.fromarray(255 - scaled if white_is_zero else scaled)
        if not isinstance(transparent, int):
            return grey.convert("RGB")
        return _on_white(grey, Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    if _tag(image, _SAMPLE_FORMAT) == _SIGNED:
        raise ValueError("has signed values of 8 bits, which are not read here")
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        return _on_white(image, image.getchannel("A"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image, opacity: Image.Image) -> Image.Image:
    background = Image.new("RGB", image.size, "white")
    background.paste(image, mask=opacity)
    return background


def _scaled_integers(values: np.ndarray, file: Image.Image) -> np.ndarray:
    """Return the highest eight bits, as Pillow does for 16-bit colours; uint8 [H, W]."""
    if file.format not in ("PNG", "PPM", "TIFF"):
        raise ValueError(f"has integers of unknown range (Pillow's mode {file.mode})")
    bits = _tag(file, _BITS) or 16
    if _tag(file, _SAMPLE_FORMAT) == _SIGNED:
        if values.min() < 0:
            raise ValueError(f"has negative values (from {values.min()}), of which no brightness is known")
        bits -= 1
    elif values.dtype == np.int32:
        values = values.view(np.uint32)
    scaled = (values >> (bits - 8)).astype(np.uint8)
    if values.any() and not scaled.any():
        raise ValueError(
            f"has values up to {values.max()} in {bits} bits, of which 8 keep nothing; store 8 bits, or the full range"
        )
    return scaled


def _scaled_floats(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # NaN too
        raise ValueError(f"has float values from {low:g} to {high:g}; allowed: 0 to 1")
    return np.rint(255 * values).astype(np.uint8)


def _tag(file: Image.Image, number: int) -> int | None:
    """Return the first value of a TIFF tag, or None if there is none."""
    value = getattr(file, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) else value


def _central(image: Image.Image, side: int) -> Image.Image:
    width, height = image.size
    short = min(width, height)
    new_width, new_height = (width, height) if short == side else (int(length * side / short) for length in image.size)
    left, top = round((new_width - side) / 2), round((new_height - side) / 2)
    if max(width, height) > LONG * short:
        across, down = width / new_width, height / new_height
        box = (left * across, top * down, (left + side) * across, (top + side) * down)
        return image.resize((side, side), Image.Resampling.BILINEAR, box=box)
    if short != side:
        image = image.resize((new_width, new_height), Image.Resampling.BILINEAR)
    return image.crop((left, top, left + side, top + side))
