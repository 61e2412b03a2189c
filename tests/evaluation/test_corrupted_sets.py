"""Corrupted sets by name: one by one, or by a list that stands for them."""

from pathlib import Path

import pytest

from dst_robustness.evaluation.corrupted_sets import corrupted_sets, list_name
from dst_robustness.jobs.files import DamagedFileError


@pytest.fixture
def sets(tmp_path: Path) -> list[Path]:
    """Two sets."""
    paths = [tmp_path / "fog.h5", tmp_path / "snow.h5"]
    for path in paths:
        path.touch()
    return paths


@pytest.fixture
def listed(sets: list[Path], tmp_path: Path) -> Path:
    """The list of both."""
    path = tmp_path / f"{list_name(['fog', 'snow'])}.txt"
    path.write_text("".join(f"{one.name}\n" for one in sets))
    return path


def test_a_list_stands_for_the_sets_that_it_names(sets: list[Path], listed: Path) -> None:
    """In the order of the list."""
    expected = dict(zip(("fog", "snow"), sets, strict=True))
    for given in (sets, [listed]):
        with corrupted_sets(given) as found:
            assert found == expected
            assert list(found) == ["fog", "snow"]


def test_a_missing_set_is_named_and_takes_the_list_with_it(sets: list[Path], listed: Path) -> None:
    """Whoever makes the list anew makes the set before."""
    sets[1].unlink()
    with pytest.raises(DamagedFileError, match=r"snow\.h5"), corrupted_sets([listed]):
        pass
    assert not listed.exists()
    assert sets[0].exists()


def test_a_set_that_is_found_damaged_takes_the_list_with_it(sets: list[Path], listed: Path) -> None:
    """Other errors leave the list alone."""
    with pytest.raises(OSError, match="disk"), corrupted_sets([listed]):
        raise OSError("disk")
    assert listed.exists()
    with pytest.raises(DamagedFileError), corrupted_sets([listed]):
        raise DamagedFileError(sets[0], "HDF5")
    assert not listed.exists()


def test_a_list_that_is_not_whole_is_noticed(sets: list[Path], listed: Path) -> None:
    """Its name is a checksum: a network is never tested on fewer sets than its study says."""
    listed.write_text("fog.h5\n")
    with pytest.raises(DamagedFileError, match="whole list"), corrupted_sets([listed]):
        pass
    assert not listed.exists()
