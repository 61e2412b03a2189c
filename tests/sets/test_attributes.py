"""The attributes of a set are read as they were written."""

from pathlib import Path
from typing import Any

import pytest

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.storage import create_hdf5, open_hdf5


def test_attributes_come_back_as_they_were_said(tmp_path: Path) -> None:
    """Texts, tuples, numbers and mappings; what was not said is None, and what else is there is not looked at."""
    said = SetAttributes(
        dataset="own", classes=("a", "b"), mean=(0.5, 0.25, 0.125), flip_ok=False, seed=3, library_versions={"av": "1"}
    )
    with create_hdf5(tmp_path / "a.h5", **said.stored(), other="x") as file:
        assert sorted(file.attrs) == sorted([*said.stored(), "other"])
    with open_hdf5(tmp_path / "a.h5") as file:
        assert SetAttributes.read(file) == said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", "["),
        ("classes", "5"),
        ("classes", "[1, 2]"),
        ("mean", (0.5, 0.5)),
        ("mean", (0.5, float("nan"), 0.5)),
        ("std", (0.2, 0.0, 0.2)),
        ("std", "wide"),
    ],
)
def test_an_attribute_that_cannot_be_is_named_with_its_file(tmp_path: Path, name: str, value: Any) -> None:
    """Images would be normalised by it without a word."""
    with create_hdf5(tmp_path / "a.h5", **{name: value}):
        pass
    with open_hdf5(tmp_path / "a.h5") as file, pytest.raises(DamagedFileError, match=rf"a\.h5: its attribute '{name}'"):
        SetAttributes.read(file)
