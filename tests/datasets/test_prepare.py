"""The splits that come out: disjoint, stratified, labelled, repeatable, checked, and resumed where they stopped."""

import hashlib
import json
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from dst_robustness.datasets import DATASETS, acquire, prepare
from dst_robustness.datasets.spec import Acquired, RawSet, Split
from dst_robustness.sets import conversion
from dst_robustness.sets.storage import Samples, encode_jpeg, open_hdf5

SPLITS = ("train", "validation", "test")


def read(folder):
    """Return what each split file holds: pixels, labels, index and attributes."""
    found = {}
    for split in SPLITS:
        with open_hdf5(folder / f"{split}.h5") as file:
            samples = Samples(file)
            found[split] = (samples[:], samples.labels, file["index"][:], dict(file.attrs))
    return found


def outputs(folder):
    return {split: folder / f"{split}.h5" for split in SPLITS}


def small_spec(side=8, train=40, test=20, load=None, **changes):
    """A data set of flat images: the colour tells the row."""

    def picture(row):
        return np.full((side, side, 3), row, dtype=np.uint8)

    def split(count):
        return Split(np.arange(count) % 4, load or picture, lambda row: f"picture {row}")

    raw = RawSet(("a", "b", "c", "d"), split(train), split(test))
    return replace(DATASETS["digits"], image_size=side, read=lambda *_: raw, **changes)


def prepared(spec, folder, **options):
    acquire(spec, folder / "raw")
    prepare(spec, folder / "raw", outputs(folder), **options)
    return read(folder)


def test_train_and_validation_divide_the_training_set_and_test_stays_whole(tmp_path):
    found = prepared(small_spec(), tmp_path, validation_fraction=0.2)
    assert sorted([*found["train"][2], *found["validation"][2]]) == list(range(40))
    assert np.bincount(found["validation"][1]).tolist() == [2, 2, 2, 2]
    assert found["test"][2].tolist() == list(range(20))


def test_every_picture_keeps_its_label_and_its_row(tmp_path):
    for pixels, labels, index, _ in prepared(small_spec(), tmp_path, threads=3).values():
        np.testing.assert_array_equal(pixels[:, 0, 0, 0], index)
        np.testing.assert_array_equal(labels, index % 4)


def test_a_set_of_a_fixed_size_is_enlarged_where_the_study_asks_for_more_pixels(tmp_path):
    """Flat images stay flat, and each keeps its own colour."""
    pixels, _, index, _ = prepared(replace(small_spec(side=8), image_size=16), tmp_path)["test"]
    assert pixels.shape[1:] == (16, 16, 3)
    np.testing.assert_array_equal(pixels[:, 3, 9, 1], index)


def test_subsets_are_stratified_and_their_index_points_into_the_whole(tmp_path):
    found = prepared(small_spec(), tmp_path, train_samples=20, test_samples=8, validation_fraction=0.2)
    assert [len(found[split][1]) for split in SPLITS] == [16, 4, 8]
    assert np.bincount(found["test"][1]).tolist() == [2, 2, 2, 2]
    np.testing.assert_array_equal(found["test"][0][:, 0, 0, 0], found["test"][2])


def test_the_seed_decides_validation_and_leaves_the_whole_test_set_alone(tmp_path):
    first, again, other = (
        prepared(small_spec(), tmp_path / str(number), seed=seed) for number, seed in enumerate((0, 0, 1))
    )
    np.testing.assert_array_equal(first["validation"][2], again["validation"][2])
    assert not np.array_equal(first["validation"][2], other["validation"][2])
    np.testing.assert_array_equal(first["test"][2], other["test"][2])


def test_the_attributes_tell_all_that_training_needs(tmp_path):
    attributes = prepared(small_spec(), tmp_path, seed=3)["train"][3]
    assert json.loads(attributes["classes"]) == ["a", "b", "c", "d"]
    assert (attributes["dataset"], attributes["split"], attributes["family"]) == ("digits", "train", "cifar")
    assert (attributes["seed"], attributes["image_size"], attributes["flip_ok"]) == (3, 8, False)
    assert len(attributes["mean"]) == len(attributes["std"]) == 3
    assert len(attributes["source_sha256"]) == 64


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"train_samples": 41}, "train_samples is 41; allowed: 1 to 40"),
        ({"test_samples": 0}, "test_samples is 0; allowed: 1 to 20"),
        ({"validation_fraction": 1.0}, "validation_fraction is 1; allowed: more than 0 and less than 1"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        prepared(small_spec(), tmp_path, **options)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (np.zeros((8, 7, 3), np.uint8), r"picture 5: is uint8 \[8, 7, 3\], expected uint8 \[8, 8, 3\]"),
        (np.zeros((8, 8), np.uint8), r"picture 5: is uint8 \[8, 8\], expected uint8"),
        (np.zeros((8, 8, 3)), r"picture 5: is float64"),
        (b"no jpeg", "picture 5: a stored image is not a readable JPEG"),
    ],
)
def test_the_first_offending_picture_is_named_and_no_file_stays(tmp_path, wrong, match):
    def load(row):
        return wrong if row in (5, 7) else np.zeros((8, 8, 3), np.uint8)

    with pytest.raises(ValueError, match=match):
        prepared(small_spec(load=load), tmp_path, threads=4)
    assert not (tmp_path / "train.h5").exists()


def labelled(labels):
    split = Split(np.array(labels), lambda _: np.zeros((8, 8, 3), np.uint8), lambda row: f"picture {row}")
    return replace(small_spec(), read=lambda *_: RawSet(("a", "b", "c"), split, split))


def test_a_label_out_of_range_is_refused(tmp_path):
    with pytest.raises(ValueError, match="picture 2 has label 3; allowed: 0 to 2"):
        prepared(labelled([0, 1, 3, 3, 3]), tmp_path, validation_fraction=0.2)


def test_a_training_set_that_lacks_a_class_is_refused_a_subset_is_not(tmp_path):
    with pytest.raises(ValueError, match="digits train has no sample of 1 of 3 classes, as of c"):
        prepared(labelled([0, 0, 0, 1, 1, 1]), tmp_path, validation_fraction=0.2)
    found = prepared(labelled([0, 0, 0, 1, 1, 1]), tmp_path, validation_fraction=0.5, train_samples=4)
    assert sorted(found["train"][1]) == [0, 1]


def test_a_corrupted_set_is_not_prepared(tmp_path):
    with pytest.raises(ValueError, match="imported, not prepared; train on cifar10"):
        prepare(DATASETS["cifar10_c"], tmp_path, outputs(tmp_path))


def test_jpeg_of_the_right_size_is_stored_byte_for_byte(tmp_path):
    encoded = encode_jpeg(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), 30)
    prepared(small_spec(side=64, load=lambda _: encoded.tobytes()), tmp_path)
    with open_hdf5(tmp_path / "test.h5") as file:
        np.testing.assert_array_equal(file["images"][3], encoded)


def test_large_pictures_keep_a_margin_for_training_and_lose_it_for_evaluation(tmp_path):
    def load(_):
        picture = np.zeros((256, 256, 3), np.uint8)
        picture[16:240, 16:240] = 200
        return picture

    found = prepared(small_spec(side=224, train=8, test=4, load=load), tmp_path, validation_fraction=0.5)
    assert found["train"][0].shape == (4, 256, 256, 3)
    assert found["validation"][0].shape == (4, 224, 224, 3)
    assert found["test"][0].min() > 190


def test_an_interrupted_preparation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "SHARD_BYTES", 8 * 64 * 64 * 3)
    loaded = []

    def load(row):
        loaded.append(int(row))
        if len(loaded) == 25:
            raise KeyboardInterrupt
        return np.full((64, 64, 3), row, dtype=np.uint8)

    spec = small_spec(side=64, load=load)
    with pytest.raises(KeyboardInterrupt):
        prepared(spec, tmp_path)
    finished = len(list((tmp_path / "train.h5.parts").glob("0*.h5")))
    assert finished == 3  # of five, with 8 + 7 + 7 of the 36 images
    again = len(loaded)
    found = prepared(spec, tmp_path)
    rows = found["train"][2]
    assert loaded[again : again + 14] == [*rows[22:]]  # what was done is not read again
    assert np.abs(found["train"][0][:, 0, 0, 0].astype(int) - rows).max() <= 1  # JPEG
    assert not (tmp_path / "train.h5.parts").exists()


def test_samples_that_use_a_small_part_of_the_range_are_named(tmp_path, caplog):
    """12 bits that are stored in 16 are read nearly black, and corruptions are made for values up to 255."""
    prepared(small_spec(load=lambda row: np.full((8, 8, 3), row % 16, dtype=np.uint8)), tmp_path / "dark")
    assert "digits: the training samples are nearly black, with values up to 15 of 255" in caplog.text
    caplog.clear()
    prepared(small_spec(load=lambda row: np.full((8, 8, 3), 32 * (row % 2), dtype=np.uint8)), tmp_path / "dim")
    assert "nearly black" not in caplog.text


def test_parts_of_other_options_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "SHARD_BYTES", 8 * 64 * 64 * 3)
    spec = small_spec(side=64)
    acquire(spec, tmp_path / "raw")
    (tmp_path / "train.h5.parts").mkdir()
    prepare(spec, tmp_path / "raw", {**outputs(tmp_path), "train": tmp_path / "other.h5"}, seed=1)
    (tmp_path / "train.h5.parts" / "00000.h5").write_bytes((tmp_path / "other.h5").read_bytes())
    prepare(spec, tmp_path / "raw", outputs(tmp_path), seed=0)
    found = read(tmp_path)
    assert np.abs(found["train"][0][:, 0, 0, 0].astype(int) - found["train"][2]).max() <= 1


def test_cifar10_comes_out_of_the_official_archive(cifar10_archive, tmp_path):
    spec = DATASETS["cifar10"]
    checksum = "md5:" + hashlib.md5(cifar10_archive.read_bytes()).hexdigest()
    acquire(spec, tmp_path / "raw", path=cifar10_archive, checksum=checksum)
    prepare(spec, tmp_path / "raw", outputs(tmp_path), validation_fraction=0.1)
    found = read(tmp_path)
    assert [len(found[split][1]) for split in SPLITS] == [90, 10, 20]
    for pixels, labels, index, attributes in found.values():
        assert json.loads(attributes["classes"])[3] == "cat"
        np.testing.assert_array_equal(pixels[:, 0, 0, 0], labels)
        np.testing.assert_array_equal(pixels[:, 0, 0, 1], index % 20)
        assert pixels[0, :, 0, 2].tolist() == [255] * 32  # the first column is blue: rows and columns are not swapped
        assert pixels[0, 0, 1:, 2].tolist() == [0] * 31


def test_a_cifar_archive_that_lies_is_refused(tmp_path):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz"):
        pass
    spec = DATASETS["cifar10"]
    files = Acquired({"cifar-10-python.tar.gz": tmp_path / "cifar-10-python.tar.gz"})
    with pytest.raises(ValueError, match="does not hold 'cifar-10-batches-py/data_batch_1'"):
        spec.read(spec, files)


def test_two_calls_at_once_prepare_once(tmp_path):
    """Two studies with one folder of resources: the second one waits, and leaves what the first one made as it is."""
    loaded = []

    def load(row):
        loaded.append(row)
        time.sleep(0.005)
        return np.full((8, 8, 3), row, dtype=np.uint8)

    spec = small_spec(load=load)
    acquire(spec, tmp_path / "raw")
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(prepare, spec, tmp_path / "raw", outputs(tmp_path)) for _ in range(2)]
        assert [call.result() for call in calls] == [None, None]
    assert len(loaded) == 60
    np.testing.assert_array_equal(read(tmp_path)["test"][0][:, 0, 0, 0], np.arange(20))


def test_damaged_images_are_left_out_up_to_a_limit_and_all_named_in_one_call(tmp_path):
    """More than damaged_limit allows are an error. It names those of all splits, and the next call continues."""
    damaged = {3, 7}

    def load(row):
        if row in damaged:
            raise OSError("image file is truncated")
        return np.full((8, 8, 3), row, dtype=np.uint8)

    found = prepared(small_spec(load=load, damaged_limit=2), tmp_path / "a")
    assert len(found["train"][1]) + len(found["validation"][1]) == 38
    assert not {3, 7} & set(found["test"][2])
    assert json.loads(found["test"][3]["damaged"]) == [f"picture {row}: image file is truncated" for row in (3, 7)]
    with pytest.raises(ValueError, match="more than damaged_limit = 0 allows") as caught:
        prepared(small_spec(load=load), tmp_path / "b")
    assert str(caught.value).count("image file is truncated") == 4
    damaged.clear()
    assert len(prepared(small_spec(load=load), tmp_path / "b")["test"][1]) == 20
