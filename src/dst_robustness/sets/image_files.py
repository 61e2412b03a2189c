"""The images of any folder as an array that reads and decodes them when it is sliced."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dst_robustness.sets.jpeg import decode_jpeg, encode_jpeg

Read = Callable[[bytes], np.ndarray]


class ImageFiles:
    """Files of images. A slice is an array uint8 [n, H, W, 3].

    Attributes:
        files: the files, in order.
        shape: (N, H, W, 3) with the H and W of the first image.
        dtype: uint8.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: list[Path], read: Read, *, jpeg_quality: int | None = None, threads: int = 1) -> None:
        """
        Args:
            files: at least one file.
            read: decodes the bytes of a file to RGB uint8 [H, W, 3].
            jpeg_quality: encode each image as JPEG and decode it, as prepared sets are stored; None for pixels as read.
            threads: number of threads that read and decode a slice.
        """
        self.files, self._read, self._quality, self._threads = files, read, jpeg_quality, threads
        self.shape = (len(files), *self.one(0).shape)

    def __len__(self) -> int:
        return len(self.files)

    def one(self, row: int) -> np.ndarray:
        """Return one image, uint8 [H, W, 3]. Raises ValueError, which names the file, if it cannot be read."""
        path = self.files[row]
        try:
            pixels = self._read(path.read_bytes())
        except Exception as error:  # whatever a library makes of a damaged file, the user needs its name
            raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
        return pixels if self._quality is None else decode_jpeg(encode_jpeg(pixels, self._quality))

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return the images of a slice. Raises ValueError if one has another size than the first."""
        places = range(*rows.indices(len(self)))
        with ThreadPoolExecutor(self._threads) as pool:
            images = list(pool.map(self.one, places))
        for place, image in zip(places, images, strict=True):
            if image.shape != self.shape[1:]:
                raise ValueError(
                    f"{self.files[place]} is {image.shape[1]}x{image.shape[0]} pixels, {self.files[0].name} "
                    f"{self.shape[2]}x{self.shape[1]}; give a size to which all are resized"
                )
        return np.stack(images) if images else np.empty((0, *self.shape[1:]), np.uint8)
