"""Files that are complete or absent, and pixels that come back as they went in."""

from pathlib import Path

import numpy as np
import pytest

from dst_robustness.jobs.files import DamagedFileError, atomic_path
from dst_robustness.sets.storage import Samples, create_hdf5, open_hdf5, write_samples

IMAGES = np.arange(5 * 4 * 4 * 3, dtype=np.uint8).reshape(5, 4, 4, 3)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """A file that a crash interrupts must not look finished."""
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as partial:  # noqa: PT012 - the error comes between
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path) -> None:
    """Kills must not pile up temporary files."""
    (tmp_path / ".a.h5.partial").write_bytes(b"left over")
    with create_hdf5(tmp_path / "a.h5", answer=42):
        pass
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file.attrs["answer"] == 42
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all"])
def test_unreadable_files_are_named(tmp_path: Path, content: bytes) -> None:
    """The user must learn which file it is."""
    path = tmp_path / "broken.h5"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"broken\.h5: truncated or no HDF5"), open_hdf5(path):
        pass


@pytest.mark.parametrize(("name", "fault"), [("missing.h5", FileNotFoundError), (".", IsADirectoryError)])
def test_a_file_that_is_not_there_is_not_damaged(tmp_path: Path, name: str, fault: type[OSError]) -> None:
    """Only what can be told from the content counts: nothing else is ever set aside."""
    with pytest.raises(fault, match=str(tmp_path / name)), open_hdf5(tmp_path / name):
        pass


def test_truncated_file_is_named(tmp_path: Path) -> None:
    """A copy that was cut short is not mistaken for a complete file."""
    path = tmp_path / "cut.h5"
    with create_hdf5(path) as file:
        write_samples(file, [IMAGES], np.zeros(5))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedFileError, match=r"cut\.h5"), open_hdf5(path):
        pass


@pytest.mark.parametrize("shape", [(5, 4, 4, 3), (5, 2, 4, 4, 3)])
def test_pixels_come_back_in_order(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Images and clips survive uneven batches unchanged, with their labels."""
    samples = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    with create_hdf5(tmp_path / "a.h5") as file:
        write_samples(file, [samples[:3], samples[3:]], np.arange(5))
    with open_hdf5(tmp_path / "a.h5") as file:
        stored = Samples(file)
        assert stored.sample_shape == shape[1:]
        np.testing.assert_array_equal(stored[1:4], samples[1:4])
        for threads in (1, 2, 4):
            stored = Samples(file, threads)
            np.testing.assert_array_equal(np.concatenate(list(stored.batches(2))), samples)
        np.testing.assert_array_equal(stored.labels, np.arange(5))


@pytest.mark.parametrize("shape", [(3, 16, 16, 3), (3, 2, 16, 16, 3)])
def test_jpeg_keeps_the_picture_and_the_order_of_channels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Red stays red: OpenCV's own order is blue first."""
    samples = np.zeros(shape, dtype=np.uint8)
    samples[..., 0] = 200
    with create_hdf5(tmp_path / "a.h5") as file:
        write_samples(file, [samples], np.zeros(3), jpeg_quality=95)
    with open_hdf5(tmp_path / "a.h5") as file:
        stored = Samples(file)
        assert stored.is_jpeg
        assert stored.sample_shape == shape[1:]
        assert np.abs(stored[:].astype(int) - samples).max() <= 3


@pytest.mark.parametrize("count", [4, 6])
def test_samples_must_match_their_labels(tmp_path: Path, count: int) -> None:
    """A set with a missing or a surplus sample is never written."""
    with pytest.raises(ValueError, match="labels"), create_hdf5(tmp_path / "a.h5") as file:
        write_samples(file, [IMAGES], np.zeros(count))
    assert not (tmp_path / "a.h5").exists()


def test_only_rgb_bytes_are_stored(tmp_path: Path) -> None:
    """Floats and grey images are a mistake of the caller."""
    with (
        pytest.raises(ValueError, match=r"expected uint8 .* got float64 \[5, 4, 4, 3\]"),
        create_hdf5(tmp_path / "a.h5") as f,
    ):
        write_samples(f, [IMAGES.astype(float)], np.zeros(5))
