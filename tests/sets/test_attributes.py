"""What a file says about its set comes back as it was said."""

from pathlib import Path

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
