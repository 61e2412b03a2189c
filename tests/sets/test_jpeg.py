"""Images stored as JPEG can be read, and their headers are checked before memory is allocated."""

import cv2
import numpy as np
import pytest

from dst_robustness.sets.jpeg import decode_jpeg, encode_jpeg

IMAGE = np.dstack([np.full((24, 16), value, np.uint8) for value in (200, 120, 40)])


def test_red_stays_red() -> None:
    """OpenCV's own order is blue first."""
    np.testing.assert_allclose(decode_jpeg(encode_jpeg(IMAGE, 95), (24, 16, 3)), IMAGE, atol=3)


def test_a_png_is_read_as_well() -> None:
    """Published sets come as PNG too."""
    encoded = cv2.imencode(".png", IMAGE[..., ::-1])[1].ravel()
    np.testing.assert_array_equal(decode_jpeg(encoded, (24, 16, 3)), IMAGE)


def test_grey_becomes_three_equal_channels() -> None:
    """Some photographs of ImageNet are grey."""
    grey = cv2.imencode(".jpg", IMAGE[..., 0])[1].ravel()
    np.testing.assert_allclose(decode_jpeg(grey), np.full((24, 16, 3), 200), atol=2)


def with_exif(encoded: np.ndarray, orientation: int) -> np.ndarray:
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation, 0, 0])
    segment = b"Exif\0\0MM\x00*\x00\x00\x00\x08\x00\x01" + entry + bytes(4)
    data = encoded.tobytes()
    return np.frombuffer(data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:], np.uint8)


def test_the_orientation_of_a_camera_changes_nothing() -> None:
    """The readers of the benchmark do not rotate images either."""
    turned = with_exif(encode_jpeg(IMAGE, 95), 6)
    np.testing.assert_array_equal(decode_jpeg(turned, (24, 16, 3)), decode_jpeg(encode_jpeg(IMAGE, 95)))


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_a_header_that_claims_too_much_is_refused(ending: str) -> None:
    """30,000 x 30,000 pixels of nothing are 2.7 GB; here only the header is changed."""
    data = bytearray(cv2.imencode(ending, IMAGE)[1].tobytes())
    place = data.index(b"\xff\xc0") + 5 if ending == ".jpg" else 16
    size = 2 if ending == ".jpg" else 4
    data[place : place + 2 * size] = 2 * (30_000).to_bytes(size, "big")
    with pytest.raises(ValueError, match="30000 x 30000 pixels"):
        decode_jpeg(np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\xff\xff", b"GIF89a" + bytes(50), bytes(100)])
def test_what_is_neither_is_refused(data: bytes) -> None:
    """OpenCV would open a dozen other formats."""
    with pytest.raises(ValueError, match="not a readable JPEG"):
        decode_jpeg(np.frombuffer(data, np.uint8))


def test_another_shape_than_expected_is_refused() -> None:
    """A file of samples says the shape of all of them."""
    with pytest.raises(ValueError, match="16 x 24 pixels"):
        decode_jpeg(encode_jpeg(IMAGE), (16, 24, 3))
