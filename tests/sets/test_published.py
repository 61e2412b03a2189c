"""Published corrupted sets beside subsets, other images, PNG; and that each file says what it holds."""

import cv2
import numpy as np
import pytest

from dst_robustness.analysis.frequency import corruption_shares
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.published import import_corrupted
from dst_robustness.sets.storage import Samples, Writer, create_hdf5, encode_jpeg, open_hdf5

CLASSES = ("n01", "n02", "n03")
# Test images in the order of their numbers, as Tiny-ImageNet has them: val_7 before val_10.
NUMBERS, LABELS = [0, 2, 7, 10, 11, 12], [2, 0, 1, 0, 2, 1]


def grey(shade):
    return np.full((64, 64, 3), shade, np.uint8)


def split(path, rows, *, named=True, classes=CLASSES, jpeg=True):
    """A test split of these rows; the shade is 20 times the row."""
    labels = np.array([classes.index(CLASSES[LABELS[row]]) for row in rows])
    attributes = SetAttributes(dataset="tiny", split="test", classes=classes)
    with create_hdf5(path, **attributes.stored()) as file:
        file["index"] = np.array(rows)
        if named:
            file["names"] = np.array([f"val_{NUMBERS[row]}".encode() for row in rows])
        writer = Writer(file, labels, (64, 64, 3), jpeg=jpeg)
        for row in rows:
            encoded = np.empty(1, dtype=object)
            encoded[0] = encode_jpeg(grey(20 * row))
            writer.add(encoded if jpeg else grey(20 * row)[None])
        writer.finish()
    return path


def publish(folder, names, ending=".JPEG"):
    """Five severities of images of the split's classes and shades, under these names."""
    for severity in "12345":
        for row, name in enumerate(names):
            path = folder / severity / CLASSES[LABELS[row]] / f"{name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), grey(20 * row))
    return folder


def imported(folder, clean, target):
    import_corrupted(folder, clean, target)
    with open_hdf5(target) as file:
        samples = Samples(file["3"])
        return samples[:][:, 0, 0, 0].tolist(), samples.labels.tolist(), SetAttributes.read(file).pairing


SAME = [f"val_{number}" for number in NUMBERS]
OTHER = [f"test_{100 + 37 * i}" for i in range(6)]


@pytest.mark.parametrize("ending", [".JPEG", ".png"])
@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4, 5], [1, 3, 4]])
def test_images_of_the_same_names_take_their_places(tmp_path, rows, ending):
    clean = split(tmp_path / "test.h5", rows)
    shades, labels, pairing = imported(publish(tmp_path / "fog", SAME, ending), clean, tmp_path / "fog.h5")
    np.testing.assert_allclose(shades, [20 * row for row in rows], atol=2)
    assert labels == [LABELS[row] for row in rows]
    assert pairing == "image"


def test_a_subset_of_the_classes(tmp_path):
    """ImageNet-100 on ImageNet-C: the classes that the split lacks are not looked at."""
    clean = split(tmp_path / "test.h5", [1, 2, 3, 5], classes=("n01", "n02"))
    shades, labels, pairing = imported(publish(tmp_path / "fog", SAME), clean, tmp_path / "fog.h5")
    np.testing.assert_allclose(shades, [20, 40, 60, 100], atol=2)
    assert (labels, pairing) == ([0, 1, 0, 1], "image")


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4, 5], [1, 3, 4]])
def test_other_images_are_paired_by_class_and_the_file_says_so(tmp_path, rows):
    """Tiny-ImageNet-C: of each class the first ones by number."""
    clean = split(tmp_path / "test.h5", rows)
    shades, labels, pairing = imported(publish(tmp_path / "fog", OTHER), clean, tmp_path / "fog.h5")
    expected = {2: iter([0, 80]), 0: iter([20, 60]), 1: iter([40, 100])}
    np.testing.assert_allclose(shades, [next(expected[LABELS[row]]) for row in rows], atol=2)
    assert (labels, pairing) == ([LABELS[row] for row in rows], "class")


def test_what_subtracts_clean_images_leaves_other_images_out(tmp_path, caplog):
    clean = split(tmp_path / "test.h5", [0, 1, 2])
    sets = {}
    for name, names in (("fog", OTHER), ("snow", SAME)):
        sets[name] = tmp_path / f"{name}.h5"
        import_corrupted(publish(tmp_path / name, names), clean, sets[name])
    assert corruption_shares("tiny", clean, sets)["corruption"].unique().tolist() == ["snow"]
    assert "shows other images" in caplog.text


def test_a_copy_that_lacks_images_is_refused_and_not_filled_up(tmp_path):
    clean = split(tmp_path / "test.h5", [0, 1, 2, 3, 4, 5])
    folder = publish(tmp_path / "fog", SAME)
    (folder / "4" / "n01" / "val_10.JPEG").unlink()
    with pytest.raises(ValueError, match=r"4 lacks 1 of 6 images, the first n01/val_10"):
        import_corrupted(folder, clean, tmp_path / "fog.h5")


def test_severities_of_different_images_are_refused(tmp_path):
    clean = split(tmp_path / "test.h5", [0, 1, 2])
    folder = publish(tmp_path / "fog", SAME)
    (folder / "2").rename(tmp_path / "away")
    (publish(tmp_path / "other", OTHER) / "2").rename(folder / "2")
    with pytest.raises(ValueError, match=r"fog/1 and .*fog/2 show different images"):
        import_corrupted(folder, clean, tmp_path / "fog.h5")


def test_a_set_of_other_classes_is_refused(tmp_path):
    clean = split(tmp_path / "test.h5", [0, 1])
    folder = publish(tmp_path / "fog", SAME)
    for severity in "12345":
        for name in CLASSES:
            (folder / severity / name).rename(folder / severity / f"x{name}")
    with pytest.raises(ValueError, match=r"fog/1 has none of the classes of the test split, such as n01"):
        import_corrupted(folder, clean, tmp_path / "fog.h5")


def test_hidden_copies_and_hidden_severities_are_nothing(tmp_path):
    clean = split(tmp_path / "test.h5", [0, 1, 2, 3, 4, 5])
    folder = publish(tmp_path / "fog", SAME)
    (folder / "1" / "n01" / "._val_2.JPEG").write_bytes(b"x")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "3" / "@eaDir").mkdir()
    assert imported(folder, clean, tmp_path / "fog.h5")[2] == "image"


def test_png_beside_a_split_of_pixels_is_stored_as_pixels(tmp_path):
    clean = split(tmp_path / "test.h5", [0, 1, 2], jpeg=False)
    imported(publish(tmp_path / "fog", SAME, ".png"), clean, tmp_path / "fog.h5")
    with open_hdf5(tmp_path / "fog.h5") as file:
        assert not Samples(file["1"]).is_jpeg
        np.testing.assert_array_equal(Samples(file["1"])[2:3][0], grey(40))


def test_a_group_says_the_sum_of_its_samples(tmp_path):
    """The same samples the same sum, another order another sum."""
    sums = []
    for name, rows in (("a", [0, 1]), ("b", [0, 1]), ("c", [1, 0])):
        with open_hdf5(split(tmp_path / f"{name}.h5", rows)) as file:
            sums.append(Samples(file).sha256)
    assert sums[0] == sums[1] != sums[2]
    assert len(sums[0]) == 64
