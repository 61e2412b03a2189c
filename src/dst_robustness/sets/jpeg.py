"""Encode images as JPEG for storage, and decode them."""

from __future__ import annotations

import struct

import cv2
import numpy as np

QUALITY = 85  # of corrupted images, as in the published sets


LARGEST = 1 << 26  # pixels of a stored image
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def encode_jpeg(image: np.ndarray, quality: int = QUALITY) -> np.ndarray:
    """Encode one RGB image uint8 [H, W, 3] as JPEG (4:2:0) bytes uint8 [n]."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].ravel()


def decode_jpeg(encoded: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Decode the bytes uint8 [n] of a JPEG or PNG to an RGB image uint8 [H, W, 3].

    Raises ValueError if the bytes cannot be decoded, or if the header says that the image has more than 64 million
    pixels or another shape than ``shape`` = (H, W, 3). The header is checked before memory is allocated.
    """
    size = _declared_size(encoded.tobytes())
    if size is None:
        raise ValueError("a stored image is not a readable JPEG")
    if size[0] * size[1] > LARGEST or (shape is not None and size != shape[:2]):
        raise ValueError(f"a stored image has {size[1]} x {size[0]} pixels")
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ValueError("a stored image is not a readable JPEG")
    return image


def _declared_size(data: bytes) -> tuple[int, int] | None:
    """Return height and width from the header of a PNG or JPEG (ITU-T T.81, B.1), or None if they are not there."""
    if data.startswith(_PNG) and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return height, width
    place = 2 if data.startswith(b"\xff\xd8") else len(data)
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _FRAME_HEADERS:
            return struct.unpack_from(">HH", data, place + 5)
        if marker == 0xFF:  # filling
            place += 1
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def encode_samples(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Encode images uint8 [n, H, W, 3] or clips uint8 [n, T, H, W, 3]; an object array [n] or [n, T] of bytes."""
    encoded = np.empty(pixels.shape[:-3], dtype=object)
    for place in np.ndindex(encoded.shape):
        encoded[place] = encode_jpeg(pixels[place], quality)
    return encoded
