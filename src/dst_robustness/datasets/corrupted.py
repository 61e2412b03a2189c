"""The published corrupted test sets: where they come from, and where each corruption is once they are unpacked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from dst_robustness.corruptions.images import BENCHMARK_CORRUPTIONS, IMAGE_CORRUPTIONS
from dst_robustness.datasets.acquire import acquired
from dst_robustness.datasets.spec import IMAGENET_MEAN, IMAGENET_STD, DatasetSpec, RemoteFile
from dst_robustness.datasets.walk import files_in, folders_in
from dst_robustness.registry import unknown_name

MAX_DEPTH = 3  # archive, top folder, corruption


def corruption_paths(raw_folder: str | Path) -> dict[str, Path]:
    """Return where each corruption of an acquired set is: a ``NAME.npy`` file, or a folder of severities.

    Raises ValueError if the set was not acquired.
    """
    folder = acquired(raw_folder).folder
    return {} if folder is None else find_corruptions(folder)


def corruption_path(raw_folder: str | Path, name: str) -> Path:
    """Return where one corruption of an acquired set is. Raises ValueError if the set lacks it."""
    paths = corruption_paths(raw_folder)
    if name not in paths:
        raise unknown_name(f"corruption of what was acquired into {raw_folder},", name, paths)
    return paths[name]


def find_corruptions(folder: Path, depth: int = MAX_DEPTH) -> dict[str, Path]:
    """Search a folder for ``NAME.npy`` files and ``NAME/SEVERITY`` folders (severities are numbers).

    Raises ValueError, which names both places, if a corruption is found twice.
    """
    found: dict[str, Path] = {}
    arrays = [path for path in files_in(folder, (".npy",)) if path.stem != "labels"]
    for path in [*arrays, *folders_in(folder)]:
        if path in arrays or _holds_severities(path):
            here = {path.stem if path in arrays else path.name: path}
        else:
            here = find_corruptions(path, depth - 1) if depth > 1 else {}
        for name, place in here.items():
            if name in found:
                raise ValueError(f"corruption '{name}' is there twice, as {found[name]} and {place}; keep only one")
            found[name] = place
    return found


def files_for(spec: DatasetSpec, corruptions: Collection[str]) -> tuple[str, ...]:
    """Return the names of the files that are needed for some of the corruptions of a published set."""
    return tuple(file.name for file in spec.files if not file.holds or set(file.holds) & set(corruptions))


def check_holds(folder: Path, spec: DatasetSpec, corruptions: Collection[str]) -> None:
    """Raise ValueError, in one line, if a folder lacks some corruptions, both unpacked and in archives."""
    found = find_corruptions(folder)
    archives = [file for file in spec.files if (folder / file.name).is_file()]
    there = found or [name for file in archives for name in file.holds or spec.corruptions]
    lacking = [name for name in corruptions if name not in there]
    if not (found or archives) or not lacking:  # for an empty folder, acquiring says what it should contain
        return
    where = "" if found else f"; needed: {', '.join(files_for(replace(spec, files=_absent(folder, spec)), lacking))}"
    raise ValueError(f"{folder} lacks {', '.join(lacking)}{where}. It has {', '.join(there)}")


def _absent(folder: Path, spec: DatasetSpec) -> tuple[RemoteFile, ...]:
    return tuple(file for file in spec.files if not (folder / file.name).is_file())


def _holds_severities(folder: Path) -> bool:
    names = [path.name for path in folders_in(folder)]
    return bool(names) and all(is_number(name) for name in names)


def is_number(name: str) -> bool:
    """Whether the name of a folder is that of a severity, such as ``3`` or ``0.05``."""
    return name.replace(".", "", 1).isdecimal()


def _spec(
    name: str,
    of: str,
    size: int,
    files: tuple[RemoteFile, ...],
    licence: str,
    citation: str,
    corruptions: tuple[str, ...] = tuple(IMAGE_CORRUPTIONS),
) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        kind="images",
        classes=None,
        image_size=size,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        files=files,
        is_unpacked=lambda folder: bool(find_corruptions(folder)),
        unpack=True,
        corrupted_from=of,
        corruptions=corruptions,
        licence=licence,
        citation=citation,
    )


def _zenodo(record: int, name: str, length: int | None, md5: str, holds: Iterable[str] = ()) -> RemoteFile:
    address = f"https://zenodo.org/records/{record}/files/{name}"
    return RemoteFile(name, (address,), length, f"md5:{md5}", tuple(holds))


def _category(name: str) -> tuple[str, ...]:
    """Return the corruptions in a category's archive of ImageNet-C and Tiny-ImageNet-C."""
    return tuple(corruption.name for corruption in IMAGE_CORRUPTIONS.values() if corruption.category == name)


_HENDRYCKS = "Hendrycks and Dietterich: Benchmarking Neural Network Robustness to Common Corruptions, ICLR 2019"
_CC_BY = "CC BY 4.0; the pictures under it keep the terms of their source"

CIFAR10_C = _spec(
    "cifar10_c",
    "cifar10",
    32,
    (_zenodo(2535967, "CIFAR-10-C.tar", 2_918_471_680, "56bf5dcef84df0e2308c6dcbcbbd8499"),),
    _CC_BY,
    _HENDRYCKS,
)
CIFAR100_C = _spec(
    "cifar100_c",
    "cifar100",
    32,
    (_zenodo(3555552, "CIFAR-100-C.tar", 2_918_473_216, "11f0ed0f1191edbf9fa23466ae6021d3"),),
    _CC_BY,
    _HENDRYCKS,
)
TINY_IMAGENET_C = _spec(
    "tiny_imagenet_c",
    "tiny_imagenet",
    64,
    (
        RemoteFile(
            "Tiny-ImageNet-C.tar",
            (
                "https://zenodo.org/records/2536630/files/Tiny-ImageNet-C.tar",
                "https://zenodo.org/records/8206060/files/Tiny-ImageNet-C.tar",
            ),
            1_794_775_040,
            "md5:f9c9a9dbdc11469f0b850190f7ad8be1",
            BENCHMARK_CORRUPTIONS,
        ),
        _zenodo(8206060, "Tiny-ImageNet-C-extra.tar", None, "0db0588d243cf403ef93449ec52b70eb", _category("extra")),
    ),
    _CC_BY,
    _HENDRYCKS,
)
IMAGENET_C = _spec(
    "imagenet_c",
    "imagenet",
    224,
    (
        _zenodo(2235448, "noise.tar", 22_565_673_785, "e80562d7f6c3f8834afb1ecf27252745", _category("noise")),
        _zenodo(2235448, "blur.tar", 7_112_704_951, "2d8e81fdd8e07fef67b9334fa635e45c", _category("blur")),
        _zenodo(2235448, "weather.tar", 12_797_438_995, "33ffea4db4d93fe4a428c40a6ce0c25d", _category("weather")),
        _zenodo(2235448, "digital.tar", 7_757_510_705, "89157860d7b10d5797849337ca2e5c03", _category("digital")),
        _zenodo(2235448, "extra.tar", 15_789_490_144, "d492dfba5fc162d8ec2c3cd8ee672984", _category("extra")),
    ),
    _CC_BY,
    _HENDRYCKS,
)
IMAGENET_C_BAR = _spec(
    "imagenet_c_bar",
    "imagenet",
    224,
    (RemoteFile("imagenet_c_bar.tar.gz", ("https://dl.fbaipublicfiles.com/inc_bar/imagenet_c_bar.tar.gz",)),),
    "MIT (code); the pictures under it keep ImageNet's terms",
    "Mintun, Kirillov, Xie: On Interaction Between Augmentations and Corruptions, NeurIPS 2021",
    (
        "blue_noise_sample",
        "brownish_noise",
        "caustic_refraction",
        "checkerboard_cutout",
        "cocentric_sine_waves",
        "inverse_sparkles",
        "perlin_noise",
        "plasma_noise",
        "single_frequency_greyscale",
        "sparkles",
    ),
)
_3DCC = (
    "near_focus",
    "far_focus",
    "fog_3d",
    "flash",
    "color_quant",
    "low_light",
    "xy_motion_blur",
    "z_motion_blur",
    "iso_noise",
    "bit_error",
    "h265_abr",
    "h265_crf",
)
IMAGENET_3DCC = _spec(
    "imagenet_3dcc",
    "imagenet",
    224,
    tuple(
        RemoteFile(f"{name}.tar.gz", (f"https://datasets.epfl.ch/3dcc/imagenet_3dcc/{name}.tar.gz",), holds=(name,))
        for name in _3DCC
    ),
    "CC BY-NC 4.0",
    "Kar, Yeo, Atanov, Zamir: 3D Common Corruptions and Data Augmentation, CVPR 2022",
    _3DCC,
)
