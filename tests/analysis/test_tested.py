"""Remarks about the corrupted test sets: other images than the clean ones, and frost that is not the benchmark's."""

import pandas as pd

from dst_robustness.analysis.tested import remarks, write_test_sets
from dst_robustness.corruptions.frost import PROCEDURAL
from dst_robustness.sets.attributes import PUBLISHED_FILES, SetAttributes
from dst_robustness.sets.storage import create_hdf5


def test_each_set_is_told_and_only_what_is_odd_is_remarked(tmp_path):
    abouts = {
        "fog": SetAttributes(source=PUBLISHED_FILES, pairing="class"),
        "glass_blur": SetAttributes(source=PUBLISHED_FILES, pairing="class"),
        "snow": SetAttributes(source=PUBLISHED_FILES, pairing="image"),
        "frost": SetAttributes(frost_source=PROCEDURAL),
        "contrast": SetAttributes(),
    }
    for name, about in abouts.items():
        with create_hdf5(tmp_path / f"{name}.h5", **about.stored()):
            pass
    write_test_sets({"tiny": {name: tmp_path / f"{name}.h5" for name in abouts}}, tmp_path / "test_sets.csv")
    table = pd.read_csv(tmp_path / "test_sets.csv")
    assert table["source"].tolist() == [PUBLISHED_FILES] * 3 + ["made here"] * 2
    other, frost = remarks(table)
    assert other.startswith("tiny: fog, glass blur show other images than the clean test split")
    assert frost == f"tiny: frost is laid over as {PROCEDURAL}: see `frost_pictures`."
    assert remarks(table.iloc[2:3]) == []
