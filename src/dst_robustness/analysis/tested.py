"""The corrupted test sets of a study: made here or published, with their images and their frost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dst_robustness.corruptions.frost import PROCEDURAL
from dst_robustness.jobs.files import atomic_path
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.storage import open_hdf5

MADE_HERE = "made here"
COLUMNS = ["dataset", "corruption", "source", "pairing", "frost_source"]


def write_test_sets(sets: Mapping[str, Mapping[str, Path]], target: str | Path) -> None:
    """Write one row per corrupted test set as CSV; the columns are ``COLUMNS``.

    Args:
        sets: for each data set, the files by corruption.
        target: the file to write.
    """
    rows = []
    for dataset, files in sets.items():
        for corruption, path in files.items():
            with open_hdf5(path) as file:
                about = SetAttributes.read(file)
            rows.append((dataset, corruption, about.source or MADE_HERE, about.pairing or "image", about.frost_source))
    with atomic_path(target) as partial:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(partial, index=False)


def remarks(table: pd.DataFrame) -> list[str]:
    """Return what a reader has to know about these test sets, in sentences."""
    found = []
    for dataset, own in table[table["pairing"] == "class"].groupby("dataset", sort=False):
        found.append(
            f"{dataset}: {_named(own)} show other images than the clean test split, as many of each class. So clean "
            "minus corrupted accuracy is not the effect of the corruption alone, and accuracies are not those of a set "
            "that is made here. Gains are between networks on the same images."
        )
    for dataset, own in table[table["frost_source"] == PROCEDURAL].groupby("dataset", sort=False):
        found.append(f"{dataset}: {_named(own)} is laid over as {PROCEDURAL}: see `frost_pictures`.")
    return found


def _named(rows: pd.DataFrame) -> str:
    return ", ".join(name.replace("_", " ") for name in rows["corruption"])
