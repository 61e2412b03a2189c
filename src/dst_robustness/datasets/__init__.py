"""Data sets by name: where they come from, and how they become checked HDF5 files.

```python
spec = DATASETS["cifar10"]
acquire(spec, raw_folder)  # fetches and verifies
prepare(spec, raw_folder, {"train": ..., "validation": ..., "test": ...}, seed=0)
```
A new data set is one DatasetSpec in a file of this folder and one line here.
"""

from __future__ import annotations

from dst_robustness.datasets.acquire import acquire
from dst_robustness.datasets.prepare import prepare
from dst_robustness.datasets.spec import DatasetSpec, RemoteFile
from dst_robustness.registry import Registry

_HERE = "dst_robustness.datasets"

DATASETS: Registry[DatasetSpec] = Registry(
    "data set",
    {
        "digits": f"{_HERE}.digits:DIGITS",
        "cifar10": f"{_HERE}.cifar:CIFAR10",
        "cifar100": f"{_HERE}.cifar:CIFAR100",
    },
)

__all__ = ["DATASETS", "DatasetSpec", "RemoteFile", "acquire", "prepare"]
