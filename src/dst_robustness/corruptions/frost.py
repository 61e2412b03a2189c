"""The frost images of the benchmark: find, check and scale them, or replace them by a texture that says so.

Their origin is unknown, so this package does not ship them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import cv2
import numpy as np

from dst_robustness.corruptions.plasma import fill_plasma

# The sha256 of each. The benchmark draws from the first five of its six files; the second and third are the same image.
FROST_FILES = {
    "frost1.png": "ff9f907860bd7a835d459e32f9d588062b7f61ee267343cc7222b56753a14755",
    "frost2.png": "fe211a89b336999c207a852ce05818d4545d0b57c5beadd824b4cc9d9a9b6137",
    "frost3.png": "2d0d50b4a9bb213f38b024ef7768731bb83cc08d2f26b5766bbc167cdfa0e504",
    "frost4.jpg": "3f8b91ca1a9fa7167b09e773da53f5ae60d0a1fd88f02a783f6e328a72887f6e",
    "frost5.jpg": "5fc6a19df4a429ba68abdcc8f8a4278d4c9f81c9ccafd2c92ab0c8cf8992ebd2",
}
PROCEDURAL = "procedural texture (not the benchmark's pictures)"


@dataclass(frozen=True, eq=False)
class FrostPictures:
    """Frost images to lay over an image.

    Attributes:
        source: where they come from, in words; a corrupted set keeps it among its attributes.
        images: uint8 [H, W, 3] RGB each, all equally likely.
    """

    source: str
    pictures: tuple[np.ndarray, ...]

    @lru_cache(maxsize=8)  # noqa: B019 - a process holds one or two of these, and scaling costs more than corrupting
    def scaled(self, scale: float, height: int, width: int) -> list[np.ndarray]:
        """Return the frost images resized by ``scale``, or by more where a crop of height x width would not fit."""
        result = []
        for picture in self.pictures:
            factor = max(scale, (height + 1) / picture.shape[0], (width + 1) / picture.shape[1])
            result.append(picture if factor == 1 else cv2.resize(picture, (0, 0), fx=factor, fy=factor))
        return result


@lru_cache(maxsize=4)
def load_frost(folder: str | Path | None = None) -> FrostPictures:
    """Return the frost images of a folder, else of an installed imagecorruptions wheel, else a texture.

    Raises ValueError if the given folder lacks one of the five files or holds another file under its name.
    """
    if folder is not None:
        return FrostPictures(f"folder {folder}", _read(Path(folder)))
    try:
        # Located, not imported: importing that package fails with current libraries.
        wheel = Path(str(distribution("imagecorruptions").locate_file("imagecorruptions/frost")))
    except PackageNotFoundError:
        return FrostPictures(PROCEDURAL, _texture())
    if not all((wheel / name).is_file() for name in FROST_FILES):
        return FrostPictures(PROCEDURAL, _texture())
    return FrostPictures("imagecorruptions wheel", _read(wheel))


def _read(folder: Path) -> tuple[np.ndarray, ...]:
    pictures = []
    for name, expected in FROST_FILES.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"no frost image {path}; the folder must hold {', '.join(FROST_FILES)}")
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise ValueError(f"{path} is not the benchmark's frost image: sha256 {found}, expected {expected}")
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError(f"{path} cannot be decoded by the installed OpenCV")
        pictures.append(picture[..., ::-1].copy())
    return tuple(pictures)


def _texture(side: int = 512, count: int = 5) -> tuple[np.ndarray, ...]:
    """Return icy veins: ridges of plasma in bluish white, on average as bright as the benchmark's frost images."""
    pictures = []
    for key in range(1, count + 1):
        ridges, shade = np.empty((2, side, side), dtype=np.float32)
        fill_plasma(np.uint64(key), 1.35, ridges)
        fill_plasma(np.uint64(key + count), 1.6, shade)
        veins = np.exp(-np.abs(ridges - np.median(ridges)) / (0.25 * ridges.std()))
        brightness = 120 + 90 * veins + 25 * (shade - shade.mean()) / shade.std()
        colour = brightness[..., None] * np.array([0.95, 1.0, 1.08], dtype=np.float32)
        pictures.append(np.clip(colour, 0, 255).astype(np.uint8))
    return tuple(pictures)
