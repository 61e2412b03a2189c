"""Images as the JPEG bytes that are stored of them."""

from __future__ import annotations

import cv2
import numpy as np

QUALITY = 85  # of corrupted images, as in the published sets


def encode_jpeg(image: np.ndarray, quality: int = QUALITY) -> np.ndarray:
    """Encode one RGB image uint8 [H, W, 3] as JPEG (4:2:0) bytes uint8 [n]."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].ravel()


def decode_jpeg(encoded: np.ndarray) -> np.ndarray:
    """Decode JPEG bytes uint8 [n] to an RGB image uint8 [H, W, 3]; ValueError where that cannot be done."""
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if len(encoded) else None
    if image is None:
        raise ValueError("a stored image is not a readable JPEG")
    return image


def encode_samples(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Encode images uint8 [n, H, W, 3] or clips uint8 [n, T, H, W, 3]; an object array [n] or [n, T] of bytes."""
    encoded = np.empty(pixels.shape[:-3], dtype=object)
    for place in np.ndindex(encoded.shape):
        encoded[place] = encode_jpeg(pixels[place], quality)
    return encoded
