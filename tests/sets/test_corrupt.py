"""Corrupted test sets in files: layout, attributes, memory-bounded batches, exchange with the published formats."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from dst_robustness.corruptions import corrupt_images
from dst_robustness.reporting.gallery import draw_gallery
from dst_robustness.sets import corrupt
from dst_robustness.sets.corrupt import generate_corrupted
from dst_robustness.sets.published import import_corrupted
from dst_robustness.sets.storage import Samples, create_hdf5, open_hdf5, write_samples

CLASSES = ["ant", "bee", "cat"]


@pytest.fixture
def split(images, tmp_path):
    """A clean split of six images of three classes, in label order as an image folder gives them."""
    path = tmp_path / "test.h5"
    attributes = {"dataset": "tiny", "split": "test", "family": "cifar", "classes": json.dumps(CLASSES)}
    with create_hdf5(path, **attributes) as file:
        write_samples(file, [images], np.array([0, 0, 1, 1, 2, 2]))
    return path


def read(path, severity):
    with open_hdf5(path) as file:
        samples = Samples(file[str(severity)])
        return samples[slice(None)], samples.labels


@pytest.mark.parametrize("threads", [1, 3])
def test_a_generated_set_holds_what_corrupt_images_gives(split, images, tmp_path, monkeypatch, threads):
    """Whatever the batches and threads; with all that is needed to make it again in the attributes."""
    monkeypatch.setattr(corrupt, "CHUNK_BYTES", images[0].nbytes)
    monkeypatch.setattr(corrupt, "CHUNKS_PER_BATCH", 2)
    generate_corrupted(split, tmp_path / "snow.h5", "snow", seed=5, threads=threads)
    for severity in (1, 5):
        pixels, labels = read(tmp_path / "snow.h5", severity)
        np.testing.assert_array_equal(pixels, corrupt_images(images, "snow", severity, family="cifar", seed=5))
        assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    with open_hdf5(tmp_path / "snow.h5") as file:
        assert dict(file.attrs) | {"severities": None} == {
            "dataset": "tiny", "split": "test", "corruption": "snow", "severities": None, "seed": 5,
            "family": "cifar", "package_version": file.attrs["package_version"],
        }  # fmt: skip
        assert file.attrs["severities"].tolist() == [1, 2, 3, 4, 5]


def test_the_source_of_the_frost_is_written_down(split, tmp_path):
    """Nobody may take the texture for the benchmark's images."""
    generate_corrupted(split, tmp_path / "frost.h5", "frost")
    with open_hdf5(tmp_path / "frost.h5") as file:
        assert file.attrs["frost_source"] in (
            "imagecorruptions wheel",
            "procedural texture (not the benchmark's pictures)",
        )


def test_jpeg_storage_keeps_the_picture(split, images, tmp_path):
    """Quality 95 on a smooth corruption: within a few grey levels."""
    generate_corrupted(split, tmp_path / "blur.h5", "gaussian_blur", family="imagenet", jpeg_quality=95)
    pixels, _ = read(tmp_path / "blur.h5", 3)
    expected = corrupt_images(images, "gaussian_blur", 3, family="imagenet")
    assert np.abs(pixels.astype(int) - expected).mean() < 2


def test_an_unknown_corruption_leaves_no_file(split, tmp_path):
    """The name is checked before anything is written."""
    with pytest.raises(ValueError, match="Did you mean 'snow'"):
        generate_corrupted(split, tmp_path / "x.h5", "snw")
    assert not (tmp_path / "x.h5").exists()


def test_arrays_of_another_set_are_refused(split, tmp_path):
    """Wrong length, wrong labels, no array at all."""
    folder = tmp_path / "c"
    folder.mkdir()
    np.save(folder / "labels.npy", np.tile(np.array([0, 0, 1, 1, 2, 1], np.uint8), 5))
    np.save(folder / "fog.npy", np.zeros((29, 32, 32, 3), np.uint8))
    np.save(folder / "snow.npy", np.zeros((30, 32, 32, 3), np.uint8))
    (folder / "frost.npy").write_bytes(b"?")
    for name, message in (("fog", "expected uint8"), ("snow", "five times"), ("frost", "cannot read")):
        with pytest.raises(ValueError, match=message):
            import_corrupted(folder / f"{name}.npy", split, tmp_path / "x.h5")
        assert not (tmp_path / "x.h5").exists()


def test_files_of_a_published_set_are_stored_byte_by_byte(images, tmp_path):
    """Beside a split of JPEG nothing is compressed a second time."""
    labels = np.array([0, 1])
    with create_hdf5(tmp_path / "test.h5", dataset="tiny", split="test", classes=json.dumps(CLASSES)) as file:
        write_samples(file, [images[:2]], labels, jpeg_quality=95)
    for severity in range(1, 6):
        for label in labels:
            path = tmp_path / "fog" / str(severity) / CLASSES[label] / f"{label}.JPEG"
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), images[label] // severity)
    import_corrupted(tmp_path / "fog", tmp_path / "test.h5", tmp_path / "fog.h5")
    with open_hdf5(tmp_path / "fog.h5") as file:
        stored = Samples(file["4"]).stored
        for label in labels:
            path = tmp_path / "fog" / "4" / CLASSES[label] / f"{label}.JPEG"
            assert stored[label].tobytes() == path.read_bytes()


def painted(folder, name, label):
    """Write a grey image for each severity, its shade 40 times the severity plus ten times the label."""
    for severity in range(1, 6):
        path = folder / f"{severity}.5" / CLASSES[label] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((32, 32, 3), 40 * severity + 10 * label + int(name[0]), np.uint8))


@pytest.mark.parametrize("subset", [False, True])
def test_pictures_take_the_places_of_the_test_split(images, tmp_path, subset):
    """A test split in the order of file names, classes mixed; of a subset only its own are taken."""
    labels, index = np.array([2, 0, 1, 0]), np.arange(4)
    for i, label in enumerate(labels):
        painted(tmp_path / "sparkles", f"{i}.JPEG", label)
    if subset:
        labels, index = labels[[0, 3]], np.array([0, 3])
    attributes = {"dataset": "tiny", "split": "test", "classes": json.dumps(CLASSES)}
    with create_hdf5(tmp_path / "test.h5", **attributes) as file:
        write_samples(file, [images[: len(labels)]], labels)
        file["index"] = index
    import_corrupted(tmp_path / "sparkles", tmp_path / "test.h5", tmp_path / "x.h5")
    pixels, found = read(tmp_path / "x.h5", 3)
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_allclose(pixels.mean(axis=(1, 2, 3)), 120 + 10 * labels + index, atol=2)


def test_of_an_array_the_rows_of_a_subset_are_taken(images, tmp_path):
    """CIFAR-10-C beside a test split of which only some samples were kept."""
    labels = np.array([0, 1, 2, 1])
    np.save(tmp_path / "labels.npy", np.tile(labels.astype(np.uint8), 5))
    np.save(tmp_path / "fog.npy", np.arange(20, dtype=np.uint8)[:, None, None, None] + np.zeros((32, 32, 3), np.uint8))
    with create_hdf5(tmp_path / "test.h5", dataset="tiny", split="test", classes=json.dumps(CLASSES)) as file:
        write_samples(file, [images[:2]], labels[[1, 3]])
        file["index"] = np.array([1, 3])
    import_corrupted(tmp_path / "fog.npy", tmp_path / "test.h5", tmp_path / "x.h5")
    assert read(tmp_path / "x.h5", 5)[0][:, 0, 0, 0].tolist() == [17, 19]


def test_folders_that_do_not_fit_are_refused(split, tmp_path):
    """Six severities, an image of another size, a broken, a missing and a doubled one."""
    root = tmp_path / "fog"
    for severity in range(1, 6):
        for name in CLASSES:
            (root / str(severity) / name).mkdir(parents=True)
            for i in (1, 3):
                cv2.imwrite(str(root / str(severity) / name / f"{i}.JPEG"), np.zeros((32, 32, 3), np.uint8))
    import_corrupted(root, split, tmp_path / "good.h5")
    cv2.imwrite(str(root / "4" / "ant" / "1.JPEG"), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match=r"1\.JPEG is \[16, 16, 3\]"):
        import_corrupted(root, split, tmp_path / "x.h5")
    (root / "4" / "ant" / "1.JPEG").write_bytes(b"")
    with pytest.raises(ValueError, match="not a readable JPEG"):
        import_corrupted(root, split, tmp_path / "x.h5")
    (root / "3" / "ant" / "1.JPEG").unlink()
    with pytest.raises(ValueError, match=r"3 holds 1 images of class ant, the test split 2"):
        import_corrupted(root, split, tmp_path / "x.h5")
    cv2.imwrite(str(root / "3" / "ant" / "3.png"), np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match=r"ant/3\.JPEG and .*ant/3\.png have the same name; keep only one"):
        import_corrupted(root, split, tmp_path / "x.h5")
    (root / "6").mkdir()
    with pytest.raises(ValueError, match="holds 6 severities"):
        import_corrupted(root, split, tmp_path / "x.h5")


def test_a_gallery_shows_every_corruption(split, tmp_path):
    """One sheet, not empty; a gallery of nothing is refused."""
    names = ("snow", "contrast")
    for name in names:
        generate_corrupted(split, tmp_path / f"{name}.h5", name)
    draw_gallery({name: tmp_path / f"{name}.h5" for name in names}, split, tmp_path / "gallery.png")
    assert cv2.imread(str(tmp_path / "gallery.png")).std() > 10
    with pytest.raises(ValueError, match="at least one"):
        draw_gallery({}, split, tmp_path / "x.png")


def test_two_calls_at_once_make_a_set_once(split, images, tmp_path, monkeypatch):
    """Two studies with one folder of resources: the second one waits, and keeps what the first one made."""
    made = []

    def counted(batch, **options):
        made.append(options["severity"])
        time.sleep(0.02)
        return corrupt_images(batch, **options)

    monkeypatch.setattr(corrupt, "corrupt_images", counted)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(generate_corrupted, split, tmp_path / "fog.h5", "fog") for _ in range(2)]
        assert [call.result() for call in calls] == [None, None]
    assert made == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(read(tmp_path / "fog.h5", 5)[0], corrupt_images(images, "fog", 5, family="cifar"))
