"""The image corruptions by name, and the one function that applies them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from dst_robustness.corruptions.cbar import parameters as c_bar
from dst_robustness.corruptions.parameters import FAMILIES, THREE_DCC, Severities
from dst_robustness.registry import unknown_name

if TYPE_CHECKING:
    from dst_robustness.corruptions.frost import FrostPictures

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption:
    """One corruption.

    Attributes:
        name: the name of the benchmark's folder.
        category: noise, blur, weather or digital; extra for the four that the benchmark keeps for validation; c_bar or
            3dcc for those of the other benchmarks; own for those of none.
        place: ``module:function``. It is imported at first use, since whoever lists names should not wait for numba.
    """

    name: str
    category: str
    place: str

    @property
    def function(self) -> Callable[..., np.ndarray]:
        """The function (images, keys, *constants) -> images, both uint8 [N, H, W, 3], keys uint64 [N]."""
        module, _, attribute = self.place.partition(":")
        return getattr(import_module(f"dst_robustness.corruptions.{module}"), attribute)


_ALL = (
    Corruption("gaussian_noise", "noise", "noise:gaussian_noise"),
    Corruption("shot_noise", "noise", "noise:shot_noise"),
    Corruption("impulse_noise", "noise", "noise:impulse_noise"),
    Corruption("defocus_blur", "blur", "blur:defocus_blur"),
    Corruption("glass_blur", "blur", "blur:glass_blur"),
    Corruption("motion_blur", "blur", "blur:motion_blur"),
    Corruption("zoom_blur", "blur", "blur:zoom_blur"),
    Corruption("snow", "weather", "weather:snow"),
    Corruption("frost", "weather", "weather:frost"),
    Corruption("fog", "weather", "weather:fog"),
    Corruption("brightness", "weather", "weather:brightness"),
    Corruption("contrast", "digital", "digital:contrast"),
    Corruption("elastic_transform", "digital", "elastic:elastic_transform"),
    Corruption("pixelate", "digital", "digital:pixelate"),
    Corruption("jpeg_compression", "digital", "jpeg:jpeg_compression"),
    Corruption("speckle_noise", "extra", "noise:speckle_noise"),
    Corruption("gaussian_blur", "extra", "blur:gaussian_blur"),
    Corruption("spatter", "extra", "spatter:spatter"),
    Corruption("saturate", "extra", "digital:saturate"),
)
IMAGE_CORRUPTIONS: dict[str, Corruption] = {corruption.name: corruption for corruption in _ALL}
# The benchmark is scored on these fifteen; the other four are for validation.
BENCHMARK_CORRUPTIONS: tuple[str, ...] = tuple(name for name, c in IMAGE_CORRUPTIONS.items() if c.category != "extra")

_C_BAR = (
    Corruption("blue_noise_sample", "c_bar", "cbar.spectral:blue_noise_sample"),
    Corruption("brownish_noise", "c_bar", "cbar.spectral:brownish_noise"),
    Corruption("checkerboard_cutout", "c_bar", "cbar.occlusion:checkerboard_cutout"),
    Corruption("inverse_sparkles", "c_bar", "cbar.sparkles:inverse_sparkles"),
    Corruption("sparkles", "c_bar", "cbar.sparkles:sparkles"),
    Corruption("circular_motion_blur", "c_bar", "cbar.lens:circular_motion_blur"),
    Corruption("lines", "c_bar", "cbar.occlusion:lines"),
    Corruption("pinch_and_twirl", "c_bar", "cbar.warps:pinch_and_twirl"),
    Corruption("ripple", "c_bar", "cbar.warps:ripple"),
    Corruption("transverse_chromatic_abberation", "c_bar", "cbar.lens:transverse_chromatic_abberation"),
    Corruption("caustic_refraction", "c_bar", "cbar.refraction:caustic_refraction"),
    Corruption("cocentric_sine_waves", "c_bar", "cbar.waves:cocentric_sine_waves"),
    Corruption("perlin_noise", "c_bar", "cbar.perlin:perlin_noise"),
    Corruption("plasma_noise", "c_bar", "cbar.waves:plasma_noise"),
    Corruption("single_frequency_greyscale", "c_bar", "cbar.waves:single_frequency_greyscale"),
)
# The corruptions of CIFAR-10-C-bar and ImageNet-C-bar; five are in both.
C_BAR_CORRUPTIONS: dict[str, Corruption] = {corruption.name: corruption for corruption in _C_BAR}
_THREE_DCC = (
    Corruption("color_quant", "3dcc", "three_dcc:color_quant"),
    Corruption("iso_noise", "3dcc", "three_dcc:iso_noise"),
    Corruption("low_light", "3dcc", "three_dcc:low_light"),
)
# The corruptions of ImageNet-3DCC that need neither the depth of the scene nor a video codec.
THREE_DCC_CORRUPTIONS: dict[str, Corruption] = {corruption.name: corruption for corruption in _THREE_DCC}

_OWN: tuple[Corruption, ...] = (
    # Of no published benchmark. A study lists them by name: they are not part of `all`, so that the results of a study
    # that says `all` stay what they are.
)

KNOWN_CORRUPTIONS: dict[str, Corruption] = (
    IMAGE_CORRUPTIONS | C_BAR_CORRUPTIONS | THREE_DCC_CORRUPTIONS | {corruption.name: corruption for corruption in _OWN}
)
# By family and name. C-bar has none for 64 pixels, and a corruption of C-bar only has those of the sets it is in.
CONSTANTS: dict[str, dict[str, Severities]] = {
    family: table | c_bar.FAMILIES.get(family, {}) | THREE_DCC for family, table in FAMILIES.items()
}


def family_of(image_size: int) -> str:
    """Return the family whose constants fit images of this side: ``cifar``, ``tiny_imagenet`` or ``imagenet``."""
    if image_size <= 48:
        return "cifar"
    return "tiny_imagenet" if image_size <= 112 else "imagenet"


def image_suites(family: str) -> dict[str, list[str]]:
    """Return the suites that have constants for a family: ``all`` (nineteen), ``benchmark``, ``c_bar``, ``3dcc``."""
    suites = {"all": list(IMAGE_CORRUPTIONS), "benchmark": list(BENCHMARK_CORRUPTIONS)}
    for name in CONSTANTS[family]:
        if name not in IMAGE_CORRUPTIONS:
            suites.setdefault(KNOWN_CORRUPTIONS[name].category, []).append(name)
    return suites


def choose_corruptions(chosen: str | Iterable[str], suites: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the corruptions of a suite, or the listed ones in the suites' order.

    Raises ValueError for a name that does not exist.
    """
    if isinstance(chosen, str):
        if chosen not in suites:
            raise unknown_name("choice of corruptions", chosen, suites)
        return tuple(suites[chosen])
    known = dict.fromkeys(name for suite in suites.values() for name in suite)
    chosen = list(chosen)
    for name in chosen:
        if name not in known:
            raise unknown_name("corruption", name, known)
    return tuple(name for name in known if name in chosen)


def corrupt_images(
    images: np.ndarray,
    name: str,
    severity: int,
    *,
    family: str,
    seed: int = 0,
    first_index: int = 0,
    frost_pictures: FrostPictures | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Corrupt a batch of images.

    Args:
        images: uint8 [N, H, W, 3], RGB.
        name: one of KNOWN_CORRUPTIONS.
        severity: 1-5.
        family: whose constants to use: ``cifar`` (made for 32 pixels), ``tiny_imagenet`` (64) or ``imagenet`` (224).
            On images of another size, lengths in pixels stay the same. The lengths of C-bar are shares of the side.
        seed: seed of the whole set.
        first_index: index of the first image in its set. Image i of the batch depends on (seed, name, severity,
            first_index + i) alone.
        frost_pictures: the images to lay over for ``frost``; by default those that ``load_frost()`` finds.
        threads: number of threads that share the batch.

    Returns:
        A new array uint8 [N, H, W, 3].

    Raises:
        ValueError: if an argument is not as above; the message says what is allowed.
    """
    check_images(images)
    check_corruption(name, family)
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity} is not one of 1, 2, 3, 4, 5")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    if len(images) == 0:
        return images.copy()

    from dst_robustness.corruptions.random import stream_keys

    constants: tuple[object, ...] = CONSTANTS[family][name][severity - 1]
    if name == "frost":
        from dst_robustness.corruptions.frost import load_frost

        constants = (*constants, frost_pictures or load_frost())
    keys = stream_keys(seed, name, severity, first_index, len(images))
    function = KNOWN_CORRUPTIONS[name].function
    images = np.ascontiguousarray(images)
    if threads == 1:
        return function(images, keys, *constants)
    bounds = np.linspace(0, len(images), min(threads, len(images)) + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        parts = [
            pool.submit(function, images[first:last], keys[first:last], *constants) for first, last in pairwise(bounds)
        ]
        return np.concatenate([part.result() for part in parts])


def check_corruption(name: str, family: str) -> None:
    """Raise ValueError if the corruption or the family is unknown, or if it has no constants for the family."""
    if name not in KNOWN_CORRUPTIONS:
        raise unknown_name("corruption", name, KNOWN_CORRUPTIONS)
    if family not in CONSTANTS:
        raise unknown_name("family", family, CONSTANTS)
    if name not in CONSTANTS[family]:
        fitting = [other for other, table in CONSTANTS.items() if name in table]
        raise ValueError(f"corruption '{name}' has no constants for family '{family}'. Allowed: {', '.join(fitting)}")


def check_images(images: np.ndarray) -> None:
    """Raise ValueError unless this is uint8 [N, H, W, 3] with at least one pixel."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise ValueError(f"images must be a uint8 array, not {getattr(images, 'dtype', type(images).__name__)}")
    if images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape[1:]:
        raise ValueError(f"images must be [N, H, W, 3] with H, W of at least 1, not {list(images.shape)}")
