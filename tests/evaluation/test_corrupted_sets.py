"""Corrupted sets by name: one by one, or by a list that stands for them."""

from pathlib import Path

import pytest

from dst_robustness.evaluation.corrupted_sets import corrupted_sets
from dst_robustness.storage import DamagedFileError


@pytest.fixture
def sets(tmp_path: Path) -> list[Path]:
    """Two sets, and a list of both."""
    paths = [tmp_path / "fog.h5", tmp_path / "snow.h5"]
    for path in paths:
        path.touch()
    (tmp_path / "list.txt").write_text("".join(f"{path}\n" for path in paths))
    return paths


def test_a_list_stands_for_the_sets_that_it_names(sets: list[Path], tmp_path: Path) -> None:
    """In the order of the list."""
    expected = dict(zip(("fog", "snow"), sets, strict=True))
    for given in (sets, [tmp_path / "list.txt"]):
        with corrupted_sets(given) as found:
            assert found == expected
            assert list(found) == ["fog", "snow"]


def test_a_missing_set_is_named_and_takes_the_list_with_it(sets: list[Path], tmp_path: Path) -> None:
    """Whoever makes the list anew makes the set before."""
    sets[1].unlink()
    with pytest.raises(DamagedFileError, match=r"snow\.h5"), corrupted_sets([tmp_path / "list.txt"]):
        pass
    assert not (tmp_path / "list.txt").exists()
    assert sets[0].exists()


def test_a_set_that_is_found_damaged_takes_the_list_with_it(sets: list[Path], tmp_path: Path) -> None:
    """Other errors leave the list alone."""
    with pytest.raises(OSError, match="disk"), corrupted_sets([tmp_path / "list.txt"]):
        raise OSError("disk")
    assert (tmp_path / "list.txt").exists()
    with pytest.raises(DamagedFileError), corrupted_sets([tmp_path / "list.txt"]):
        raise DamagedFileError(sets[0], "HDF5")
    assert not (tmp_path / "list.txt").exists()
