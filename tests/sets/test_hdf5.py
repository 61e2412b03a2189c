"""Files are complete or absent, whatever the disk does, and nothing in them leads out of them."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.storage import Samples, create_hdf5, open_hdf5, write_samples

IMAGES = np.arange(5 * 4 * 4 * 3, dtype=np.uint8).reshape(5, 4, 4, 3)

FULL = """
import resource, sys
import numpy as np
from dst_robustness.sets.storage import create_hdf5, write_samples
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
batches, made = np.random.default_rng(0).integers(0, 256, (200, 5, 64, 64, 3), dtype=np.uint8), 0
def counted():
    global made
    for made, batch in enumerate(batches, 1):
        yield batch
try:
    with create_hdf5(sys.argv[1], about="x" * 5000) as file:
        write_samples(file, counted(), np.zeros(1000), jpeg_quality=90 if sys.argv[3] == "jpeg" else None)
except OSError as error:
    print(error.errno, error.filename == sys.argv[1], made)
"""


@pytest.mark.parametrize("stored", ["jpeg", "pixels"])
@pytest.mark.parametrize("room", [0, 1000, 3000, 100_000, 300_000])
def test_a_full_disk_ends_in_one_error_that_names_the_file(tmp_path: Path, room: int, stored: str) -> None:
    """HDF5 cannot close a file that it cannot write to, and takes the process with it. Nothing stays behind."""
    command = [sys.executable, "-c", FULL, str(tmp_path / "a.h5"), str(room), stored]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    errno, names_the_file, made = done.stdout.split()
    assert (done.returncode, errno, names_the_file, done.stderr) == (0, "27", "True", "")
    assert int(made) < 150  # it ends when the disk is full, not when all is made
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """The old file stays complete."""
    with create_hdf5(tmp_path / "a.h5", answer=1):
        pass
    subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "a.h5"), "1000", "jpeg"], check=True)
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file.attrs["answer"] == 1


def soft_link(file: h5py.File) -> None:
    file["images"], file["labels"] = h5py.SoftLink("/elsewhere"), np.zeros(5, int)


def external_link(file: h5py.File) -> None:
    file["images"], file["labels"] = h5py.ExternalLink("other.h5", "/images"), np.zeros(5, int)


def deep_link(file: h5py.File) -> None:
    file["3/images"] = h5py.ExternalLink("other.h5", "/images")


def external_storage(file: h5py.File) -> None:
    file.create_dataset("images", (5, 4, 4, 3), np.uint8, external=[("/etc/passwd", 0, 240)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((5, 4, 4, 3), np.uint8)
    layout[:] = h5py.VirtualSource("other.h5", "images", (5, 4, 4, 3))
    file.create_virtual_dataset("images", layout)


def huge_chunks(file: h5py.File) -> None:
    file.create_dataset("images", (1 << 20, 64, 64, 3), np.uint8, chunks=(1 << 17, 64, 64, 3), compression="gzip")


def nothing_stored(file: h5py.File) -> None:
    file.create_dataset("labels", (1 << 40,), np.int64, chunks=(1 << 10,))


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (soft_link, "/images is a link"),
        (external_link, "/images is a link"),
        (deep_link, "/3/images is a link"),
        (external_storage, "/images keeps its values in other files"),
        (virtual, "/images keeps its values in other files"),
        (huge_chunks, "/images has chunks"),
        (nothing_stored, "/labels has the shape"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_not_the_files_own_is_refused(tmp_path: Path, write, reason: str) -> None:
    """A file that somebody sends must not read other files, nor fill the memory."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = IMAGES
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write(file)
    with pytest.raises(DamagedFileError, match=rf"a\.h5: {reason}"), open_hdf5(tmp_path / "a.h5"):
        pass


def test_a_group_that_holds_itself_is_walked_once(tmp_path: Path) -> None:
    """Hard links may form a ring."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["ring"] = file
    with open_hdf5(tmp_path / "a.h5") as file:
        assert list(file) == ["ring"]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.array([0, 1, 2, 0, 1]), "label 2 of sample 2 is none of 2 classes"),
        (np.array([0, -1, 1, 0, 1]), "label -1 of sample 1"),
        (np.array([0, 1, np.nan, 0, 1]), r"labels are float64 \[5\], expected integers \[5\]"),
        (np.array([0, 1, 0, 1]), r"labels are int64 \[4\], expected integers \[5\]"),
        (np.zeros((5, 1), int), r"labels are int64 \[5, 1\]"),
        (None, "labels are missing"),
    ],
)
def test_labels_that_cannot_be_name_the_file(tmp_path: Path, labels: np.ndarray | None, reason: str) -> None:
    """A wrong label would be trained on, or would end a GPU's kernel far from here."""
    with create_hdf5(tmp_path / "a.h5", classes='["a", "b"]') as file:
        file["images"] = IMAGES
        if labels is not None:
            file["labels"] = labels
    with open_hdf5(tmp_path / "a.h5") as file, pytest.raises(DamagedFileError, match=rf"a\.h5: {reason}"):
        Samples(file)


@pytest.mark.parametrize("images", [None, IMAGES.astype(float), IMAGES[..., :1], IMAGES[0]])
def test_images_that_are_none_name_the_file(tmp_path: Path, images: np.ndarray | None) -> None:
    """Another type, other channels, other dimensions."""
    with create_hdf5(tmp_path / "a.h5") as file:
        file["labels"] = np.zeros(5, int)
        if images is not None:
            file["images"] = images
    with open_hdf5(tmp_path / "a.h5") as file, pytest.raises(DamagedFileError, match=r"a\.h5: (images are|holds)"):
        Samples(file)


def test_equally_long_images_are_no_table(tmp_path: Path) -> None:
    """Flat images of one size have JPEG of one length, which h5py would store as one array."""
    clips = np.full((3, 2, 16, 16, 3), 100, np.uint8)
    with create_hdf5(tmp_path / "a.h5") as file:
        write_samples(file, [clips], np.zeros(3), jpeg_quality=90)
    with open_hdf5(tmp_path / "a.h5") as file:
        np.testing.assert_allclose(Samples(file)[:], clips, atol=1)
