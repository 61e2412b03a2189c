"""Every type of image comes to the same eight bits, or is refused in words."""

import io
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from dst_robustness.datasets import pictures
from dst_robustness.datasets.pictures import rgb, square

HALF = np.full((8, 8), 32768, np.uint16)


def encoded(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values: np.ndarray, *, bits: int, sample_format: int, black_is_zero: int = 1) -> bytes:
    """Write a grey TIFF of 8x8 with tags that Pillow cannot write; formats 1 unsigned, 2 signed, 3 float."""
    data = values.tobytes()
    tags = [
        (256, 4, 8), (257, 4, 8), (258, 3, bits), (259, 3, 1), (262, 3, black_is_zero), (273, 4, 134), (277, 3, 1),
        (278, 4, 8), (279, 4, len(data)), (339, 3, sample_format),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def png_with_key(row: bytes, key: bytes, *, bits: int, colour: int = 0) -> bytes:
    """Write eight equal rows as a PNG in which one grey, or one colour (``colour`` 2), is transparent."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">2I5B", 8, 8, bits, colour, 0, 0, 0))
    content = chunk(b"tRNS", key) + chunk(b"IDAT", zlib.compress(8 * (b"\0" + row)))
    return b"\x89PNG\r\n\x1a\n" + header + content + chunk(b"IEND", b"")


def png_16_bits(transparent: int) -> bytes:
    """Write HALF as a grey PNG in which one value is transparent."""
    return png_with_key(HALF[0].astype(">u2").tobytes(), struct.pack(">H", transparent), bits=16)


def full(value: float, dtype: str) -> np.ndarray:
    return np.full((8, 8), value, dtype)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(HALF, "PNG"), 128),
        (encoded(HALF, "TIFF"), 128),
        (encoded(HALF.astype(">u2"), "TIFF"), 128),
        (b"P5 8 8 65535\n" + HALF.astype(">u2").tobytes(), 128),
        (b"P5 8 8 4095\n" + full(2048, ">u2").tobytes(), 128),
        (tiff(full(1 << 14, "<i2"), bits=16, sample_format=2), 128),
        (tiff(full(1 << 31, "<u4"), bits=32, sample_format=1), 128),
        (tiff(full(1 << 30, "<i4"), bits=32, sample_format=2), 128),
        (tiff(full(0, "<u2"), bits=16, sample_format=1, black_is_zero=0), 255),
        (tiff(full(0.5, "<f4"), bits=32, sample_format=3), 128),
        (tiff(np.tile(np.array([0x80, 0x08, 0x00], np.uint8), (8, 4)), bits=12, sample_format=1), 128),
        (encoded(Image.new("1", (8, 8), 1), "PNG"), 255),
    ],
    ids=[
        "PNG", "TIFF", "TIFF, big endian", "PGM", "PGM, 12 bits", "signed", "unsigned, 32 bits", "signed, 32 bits",
        "white is zero", "float", "12 bits", "1 bit",
    ],
)  # fmt: skip
def test_grey_is_scaled_by_the_range_of_its_type(data: bytes, expected: int) -> None:
    """Half white is half white: microscopes, X-rays and depth have more than eight bits."""
    assert np.unique(square(data, 4)).tolist() == [expected]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png_with_key(b"\x55" * 2, b"\0\1", bits=2), 255),
        (png_with_key(b"\x55" * 2, b"\0\2", bits=2), 85),
        (png_with_key(b"\x77" * 4, b"\0\7", bits=4), 255),
        (png_with_key(b"\0", b"\0\0", bits=1), 255),
        (png_with_key(b"\0", b"\0\1", bits=1), 0),
        (png_with_key(b"\x80\0" * 24, b"\x80\0" * 3, bits=16, colour=2), 255),
        (png_with_key(b"\x40\0" * 24, b"\x80\0" * 3, bits=16, colour=2), 64),
    ],
)
def test_a_transparent_value_counts_in_the_bits_of_its_file(data: bytes, expected: int) -> None:
    """Pillow scales the pixels to eight bits, and not the value."""
    assert np.unique(square(data, 4)).tolist() == [expected]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_file_that_is_cut_off_is_refused_in_words(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = encoded(noise, kind)
    with pytest.raises(ValueError, match=r"^is (damaged or cut off|no image that can be read here)"):
        square(whole[: int(share * len(whole))], 32)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(full(-5, "<i2"), bits=16, sample_format=2), "negative values"),
        (tiff(full(-5, "i1"), bits=8, sample_format=2), "signed values"),
        (tiff(full(128, "<f4"), bits=32, sample_format=3), "float values from 128 to 128; allowed: 0 to 1"),
        (tiff(full(np.nan, "<f4"), bits=32, sample_format=3), "float values from nan"),
        (encoded(np.full((8, 8), 255, np.uint16), "PNG"), "values up to 255 in 16 bits, of which 8 keep nothing"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is no image that can be read here; read are JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no image that can be read here"),
        (b"", "is no image that can be read here"),
        (encoded(Image.new("L", (200, 100)), "PNG"), "has 200 x 100 pixels, more than max_pixels = 10,000"),
    ],
)
def test_what_has_no_known_meaning_is_refused_in_words(data: bytes, reason: str) -> None:
    """Never a white or a black image without a word, nor the address of a buffer for a reason."""
    with pytest.raises(ValueError, match=reason):
        square(data, 4, max_pixels=10_000)


def palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 128, 0])
    return image


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("RGBA", (8, 8), (0, 255, 0, 0)), "PNG"),
        encoded(Image.new("RGBA", (8, 8), (0, 255, 0, 0)), "WEBP", lossless=True, exact=True),
        encoded(Image.new("LA", (8, 8), (7, 0)), "PNG"),
        encoded(palette(), "PNG", transparency=1),
        encoded(Image.new("RGB", (8, 8), (0, 255, 0)), "PNG", transparency=(0, 255, 0)),
        png_16_bits(transparent=32768),
    ],
    ids=["RGBA", "WebP", "grey", "palette", "colour key", "16 bits"],
)
def test_what_is_transparent_shows_white(data: bytes) -> None:
    """Editors leave any colour below full transparency; it is no background."""
    assert np.unique(square(data, 4)).tolist() == [255]


def test_half_opaque_is_half_white() -> None:
    """Opacity mixes the colour with white, and opaque images keep their values."""
    assert np.unique(square(encoded(Image.new("LA", (8, 8), (0, 128)), "PNG"), 4)).tolist() == [127]
    assert rgb(encoded(Image.new("RGBA", (8, 8), (1, 2, 3, 255)), "PNG"))[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (224, 1201)])
def test_a_long_image_is_the_centre_of_the_resized_one(shape: tuple[int, int]) -> None:
    """Only what is kept is resized, so that 20 x 4,000,000 pixels take no more memory than a square."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))
    size = tuple(int(length * 64 / min(shape)) for length in image.size)
    left, top = (round((length - 64) / 2) for length in size)
    whole = np.asarray(image.resize(size, Image.Resampling.BILINEAR).crop((left, top, left + 64, top + 64)))
    assert np.abs(square(encoded(image, "PNG"), 64).astype(int) - whole).max() <= 1


def test_a_very_large_image_is_read_where_it_is_allowed() -> None:
    """Twice as large as what Pillow itself lets through."""
    data = encoded(Image.new("1", (200_000, 900), 1), "PNG")
    with pytest.raises(ValueError, match="more than max_pixels = 89,478,485"):
        square(data, 4)
    assert square(data, 4, max_pixels=200_000_000).min() == 255


def test_large_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's memory holds one of them, whatever the number of threads."""
    monkeypatch.setattr(pictures, "LARGE", 10)
    inside, most = 0, 0
    convert = pictures._rgb

    def counted(image: Image.Image) -> Image.Image:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        result = convert(image)
        inside -= 1
        return result

    monkeypatch.setattr(pictures, "_rgb", counted)
    data = encoded(np.zeros((500, 500, 3), np.uint8), "PNG")
    threads = [threading.Thread(target=square, args=(data, 8)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
