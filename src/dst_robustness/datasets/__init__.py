"""Data sets by name: where they come from, and how they are converted to checked HDF5 files.

```python
spec = DATASETS["cifar10"]
acquire(spec, raw_folder)  # fetches and verifies
prepare(spec, raw_folder, {"train": ..., "validation": ..., "test": ...}, seed=0)
```
A new data set is one DatasetSpec in a file of this folder and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dst_robustness.datasets.acquire import acquire, source_state
from dst_robustness.datasets.prepare import prepare
from dst_robustness.datasets.spec import DatasetSpec, RemoteFile
from dst_robustness.registry import Registry

_HERE = "dst_robustness.datasets"

DATASETS: Registry[DatasetSpec] = Registry(
    "data set",
    {
        "digits": f"{_HERE}.digits:DIGITS",
        "digit_scenes": f"{_HERE}.digit_scenes:DIGIT_SCENES",
        "cifar10": f"{_HERE}.cifar:CIFAR10",
        "cifar100": f"{_HERE}.cifar:CIFAR100",
        "moving_digits": f"{_HERE}.moving_digits:MOVING_DIGITS",
        "ucf101": f"{_HERE}.ucf101:UCF101",
        "hmdb51": f"{_HERE}.ucf101:HMDB51",
        "video_folder": f"{_HERE}.video_folder:VIDEO_FOLDER",
        "tiny_imagenet": f"{_HERE}.tiny_imagenet:TINY_IMAGENET",
        "imagenet": f"{_HERE}.imagenet:IMAGENET",
        "image_folder": f"{_HERE}.folders:IMAGE_FOLDER",
        "shapes": f"{_HERE}.shapes:SHAPES",
        "cifar10_c": f"{_HERE}.corrupted:CIFAR10_C",
        "cifar100_c": f"{_HERE}.corrupted:CIFAR100_C",
        "tiny_imagenet_c": f"{_HERE}.corrupted:TINY_IMAGENET_C",
        "imagenet_c": f"{_HERE}.corrupted:IMAGENET_C",
        "imagenet_c_bar": f"{_HERE}.corrupted:IMAGENET_C_BAR",
        "imagenet_3dcc": f"{_HERE}.corrupted:IMAGENET_3DCC",
        "cifar10_1": f"{_HERE}.shifted:CIFAR10_1",
        "cifar10_2": f"{_HERE}.shifted:CIFAR10_2",
        "imagenet_v2": f"{_HERE}.shifted:IMAGENET_V2",
        "imagenet_a": f"{_HERE}.shifted:IMAGENET_A",
        "imagenet_r": f"{_HERE}.shifted:IMAGENET_R",
        "imagenet_sketch": f"{_HERE}.shifted:IMAGENET_SKETCH",
    },
)

# Options of the configuration that make another spec.
SPEC_OPTIONS = (
    "image_size",
    "frames",
    "sampling",
    "test_clips",
    "official_split",
    "time_limit",
    "damaged_limit",
    "max_pixels",
)


def dataset_spec(name: str, options: Mapping[str, Any]) -> DatasetSpec:
    """Return the data set that a configuration calls ``name``.

    Args:
        name: a registered name, or the user's own where ``options`` has ``type``.
        options: what the configuration says about it: ``type``, the registered data set that it is, and
            ``SPEC_OPTIONS``. Other options are ignored.

    Raises ValueError for an unknown type, or an option that the data set does not have.
    """
    spec = DATASETS[options.get("type", name)]
    changes = {key: options[key] for key in SPEC_OPTIONS if key in options}
    for key in changes:
        if not hasattr(spec, key):
            raise ValueError(f"data set {name}: {key} is an option of videos, not of {spec.kind}")
    return replace(spec, name=name, **changes)


__all__ = ["DATASETS", "DatasetSpec", "RemoteFile", "acquire", "dataset_spec", "prepare", "source_state"]
