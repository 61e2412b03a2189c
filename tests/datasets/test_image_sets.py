"""Tiny-ImageNet, ImageNet and the user's own folders, in miniature and in their official layouts."""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from dst_robustness.datasets import DATASETS, acquire, prepare
from dst_robustness.datasets.imagenet import DEVKIT, META, TRAIN_TAR, TRUTH, VAL_TAR
from dst_robustness.datasets.pictures import square
from dst_robustness.datasets.spec import Acquired
from dst_robustness.sets.storage import Samples, open_hdf5

WNIDS = ("n01440764", "n01443537", "n02084071")


def jpeg(red: int, size: tuple[int, int] = (64, 64), mode: str = "RGB", kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    colour = {"RGB": (red, 100, 200), "L": red, "CMYK": (red, 0, 0, 0)}[mode]
    Image.new(mode, size, colour).save(buffer, kind)
    return buffer.getvalue()


def reds(split) -> list[int]:
    """The red that each image was painted with, to the nearest ten: JPEG is not exact."""
    pictures = [split.load(i) for i in range(len(split.labels))]
    arrays = [square(p, 64) if isinstance(p, bytes) else p for p in pictures]
    return [round(float(array[..., 0].mean()) / 10) * 10 for array in arrays]


def tar_bytes(members: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def tiny(tmp_path):
    """A zip with three classes of two images, and three val images; val_10 comes after val_9 only by number."""
    path = tmp_path / "tiny-imagenet-200.zip"
    root = "tiny-imagenet-200"
    val = {"val_0.JPEG": 2, "val_9.JPEG": 0, "val_10.JPEG": 1}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/wnids.txt", "\n".join(reversed(WNIDS)))
        for label, wnid in enumerate(WNIDS):
            for i in range(2):
                archive.writestr(f"{root}/train/{wnid}/images/{wnid}_{i}.JPEG", jpeg(100 * label + 10 * i))
        for name, label in val.items():
            archive.writestr(f"{root}/val/images/{name}", jpeg(100 * label + 50))
        lines = [f"{name}\t{WNIDS[label]}\t0\t0\t62\t62\n" for name, label in val.items()]
        archive.writestr(f"{root}/val/val_annotations.txt", "".join(lines))
        archive.writestr(f"{root}/test/images/test_0.JPEG", jpeg(0))
    return path


def read_tiny(path):
    spec = DATASETS["tiny_imagenet"]
    return spec.read(spec, Acquired({"tiny-imagenet-200.zip": path}))


def test_tiny_imagenet_is_read_with_its_labels_and_keeps_its_jpeg(tiny):
    raw = read_tiny(tiny)
    assert raw.classes == WNIDS
    assert raw.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert reds(raw.train) == [0, 10, 100, 110, 200, 210]
    assert raw.test.labels.tolist() == [2, 0, 1]
    assert reds(raw.test) == [250, 50, 150]
    assert raw.train.load(0) == jpeg(0)


def test_tiny_imagenet_without_its_annotations_is_refused(tiny, tmp_path):
    smaller = tmp_path / "smaller.zip"
    with zipfile.ZipFile(tiny) as source, zipfile.ZipFile(smaller, "w") as target:
        for name in source.namelist():
            if not name.endswith("annotations.txt"):
                target.writestr(name, source.read(name))
    with pytest.raises(ValueError, match=r"val_annotations\.txt is missing or not as expected"):
        read_tiny(smaller)
    smaller.write_bytes(tiny.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"smaller\.zip is damaged"):
        read_tiny(smaller)


def devkit(path, wnids, truth):
    """A devkit whose numbers run against the order of the ids, as the official one's do."""
    synsets = np.zeros(len(wnids), dtype=[("ILSVRC2012_ID", object), ("WNID", object), ("words", object)])
    for row, wnid in zip(synsets, reversed(wnids), strict=True):
        row["ILSVRC2012_ID"], row["WNID"], row["words"] = len(wnids) - wnids.index(wnid), wnid, "some words"
    buffer = io.BytesIO()
    savemat(buffer, {"synsets": synsets})
    numbers = "".join(f"{len(wnids) - label}\n" for label in truth)
    path.write_bytes(tar_bytes({META: buffer.getvalue(), TRUTH: numbers.encode()}, "w:gz"))


@pytest.fixture
def ilsvrc(tmp_path):
    """The three official files with three classes, two training and one validation image each."""
    inner = {
        f"{wnid}.tar": tar_bytes({f"{wnid}_{i}.JPEG": jpeg(100 * label + 10 * i, (96, 64)) for i in range(2)})
        for label, wnid in enumerate(WNIDS)
    }
    truth = [2, 0, 1]
    (tmp_path / TRAIN_TAR).write_bytes(tar_bytes(dict(reversed(inner.items()))))
    val = {f"ILSVRC2012_val_{i + 1:08d}.JPEG": jpeg(100 * label + 50, (64, 96)) for i, label in enumerate(truth)}
    (tmp_path / VAL_TAR).write_bytes(tar_bytes(val))
    devkit(tmp_path / DEVKIT, WNIDS, truth)
    return tmp_path


def read_imagenet(folder, *, unpacked=False):
    spec = replace(DATASETS["imagenet"], image_size=64)
    files = {name: folder / name for name in (TRAIN_TAR, VAL_TAR, DEVKIT)}
    return spec.read(spec, Acquired(folder=folder) if unpacked else Acquired(files))


def check_imagenet(raw):
    assert raw.classes == WNIDS
    assert raw.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert reds(raw.train) == [0, 10, 100, 110, 200, 210]
    assert raw.test.labels.tolist() == [2, 0, 1]
    assert reds(raw.test) == [250, 50, 150]
    assert raw.train.load(3).shape == raw.test.load(0).shape == (64, 64, 3)


def test_imagenet_is_read_from_its_tars_where_they_lie(ilsvrc):
    raw = read_imagenet(ilsvrc)
    check_imagenet(raw)
    assert raw.train.describe(2) == f"{ilsvrc / TRAIN_TAR}: {WNIDS[1]}_0.JPEG"


def test_imagenet_tars_that_do_not_fit_together_are_refused(ilsvrc):
    devkit(ilsvrc / DEVKIT, WNIDS, [0, 1])
    with pytest.raises(ValueError, match=r"ILSVRC2012_img_val\.tar holds 3 images, .* labels 2"):
        read_imagenet(ilsvrc)
    devkit(ilsvrc / DEVKIT, (*WNIDS, "n09999999"), [0, 1, 3])
    with pytest.raises(ValueError, match=r"val_00000003\.JPEG is of class n09999999"):
        read_imagenet(ilsvrc)


def test_a_training_tar_that_is_cut_off_is_refused(ilsvrc):
    content = (ilsvrc / TRAIN_TAR).read_bytes()
    (ilsvrc / TRAIN_TAR).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"is cut off inside|is damaged"):
        read_imagenet(ilsvrc)


@pytest.mark.parametrize("val", ["by class", "flat"])
def test_an_unpacked_imagenet_reads_the_same(ilsvrc, tmp_path, val):
    for label, wnid in enumerate(WNIDS):
        (tmp_path / "train" / wnid).mkdir(parents=True)
        for i in range(2):
            (tmp_path / "train" / wnid / f"{wnid}_{i}.JPEG").write_bytes(jpeg(100 * label + 10 * i))
    for i, label in enumerate([2, 0, 1]):
        folder = tmp_path / "val" / (WNIDS[label] if val == "by class" else "")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"ILSVRC2012_val_{i + 1:08d}.JPEG").write_bytes(jpeg(100 * label + 50))
    assert DATASETS["imagenet"].is_unpacked(tmp_path)
    check_imagenet(read_imagenet(tmp_path, unpacked=True))
    (tmp_path / DEVKIT).unlink()
    if val == "flat":
        with pytest.raises(ValueError, match="has no class folders; put ILSVRC2012_devkit_t12"):
            read_imagenet(tmp_path, unpacked=True)


@pytest.fixture
def own(tmp_path):
    """train and test folders of two classes; reds tell class and number."""
    for split, start in (("train", 0), ("test", 50)):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(2):
                (tmp_path / split / name / f"{i}.png").write_bytes(jpeg(start + 100 * label + 10 * i, kind="PNG"))
    return tmp_path


def read_folder(folder):
    spec = replace(DATASETS["image_folder"], image_size=64)
    return spec.read(spec, Acquired(folder=folder))


def test_a_folder_of_train_and_test_is_read(own):
    (own / "train" / ".DS_Store").touch()
    (own / "train" / "cat" / "notes.txt").touch()
    raw = read_folder(own)
    assert raw.classes == ("cat", "dog")
    assert reds(raw.train) == [0, 10, 100, 110]
    assert reds(raw.test) == [50, 60, 150, 160]
    assert raw.validation is None


def test_a_validation_folder_of_ones_own_is_used(own):
    (own / "valid" / "dog").mkdir(parents=True)
    (own / "valid" / "dog" / "x.jpg").write_bytes(jpeg(30))
    raw = read_folder(own)
    assert raw.validation.labels.tolist() == [1]
    assert reds(raw.validation) == [30]


def test_a_folder_of_classes_alone_is_divided(own):
    for i in range(2, 10):
        for label, name in enumerate(("cat", "dog")):
            (own / "train" / name / f"{i}.png").write_bytes(jpeg(100 * label + 10 * i, kind="PNG"))
    raw = read_folder(own / "train")
    assert np.bincount(raw.test.labels).tolist() == [2, 2]
    assert np.bincount(raw.train.labels).tolist() == [8, 8]
    assert sorted(reds(raw.train) + reds(raw.test)) == sorted(list(range(0, 100, 10)) + list(range(100, 200, 10)))


def test_folders_that_do_not_fit_are_named(own):
    (own / "test" / "bird").mkdir()
    (own / "test" / "bird" / "1.png").write_bytes(jpeg(0))
    with pytest.raises(ValueError, match=r"test/bird/1\.png is of class 'bird', which the training part does"):
        read_folder(own)
    (own / "train" / "bird").mkdir()
    with pytest.raises(ValueError, match=r"train/bird holds no file that ends in \.jpg"):
        read_folder(own)
    (own / "test").rename(own / "other")
    with pytest.raises(ValueError, match="has train, and needs test or val"):
        read_folder(own)


def test_a_picture_is_resized_by_its_short_side_and_cropped_to_the_centre():
    """A 200 x 100 image whose left half is red and right half blue: the square of side 50 meets in the middle."""
    image = Image.new("RGB", (200, 100), (255, 0, 0))
    image.paste((0, 0, 255), (100, 0, 200, 100))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    pixels = square(buffer.getvalue(), 50)
    assert pixels.shape == (50, 50, 3)
    assert pixels[:, :24].reshape(-1, 3).tolist() == [[255, 0, 0]] * 24 * 50
    assert pixels[:, 26:].reshape(-1, 3).tolist() == [[0, 0, 255]] * 24 * 50


@pytest.mark.parametrize(("mode", "kind"), [("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("L", "PNG")])
def test_every_colour_mode_becomes_rgb(mode, kind):
    """ImageNet holds grey and CMYK files, and a PNG that is named JPEG."""
    assert square(jpeg(50, (40, 60), mode, kind), 32).shape == (32, 32, 3)


def test_the_users_photographs_are_turned_upright():
    image = Image.new("RGB", (60, 40), (255, 0, 0))
    image.paste((0, 0, 255), (30, 0, 60, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by a quarter
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    assert square(buffer.getvalue(), 32, upright=True)[2, 16].tolist() == [255, 0, 0]
    assert square(buffer.getvalue(), 32, upright=True)[30, 16].tolist() == [0, 0, 255]
    assert square(buffer.getvalue(), 32)[16, 2].tolist() == [255, 0, 0]


def prepared(spec, folder, **options):
    """Acquire and prepare, and return the images and labels of the test split."""
    acquire(spec, folder / "raw", **options)
    outputs = {split: folder / f"{split}.h5" for split in ("train", "validation", "test")}
    prepare(spec, folder / "raw", outputs, validation_fraction=0.5, threads=2)
    with open_hdf5(outputs["test"]) as file:
        samples = Samples(file)
        return samples[:], samples.labels.tolist()


def sums(folder, *names):
    return {name: "md5:" + hashlib.md5((folder / name).read_bytes()).hexdigest() for name in names}


def test_the_imagenet_tars_become_splits(ilsvrc, tmp_path):
    spec = replace(DATASETS["imagenet"], image_size=64)
    checksum = sums(ilsvrc, TRAIN_TAR, VAL_TAR, DEVKIT)
    pixels, labels = prepared(spec, tmp_path / "out", path=ilsvrc, checksum=checksum)
    assert labels == [2, 0, 1]
    np.testing.assert_allclose(pixels.mean(axis=(1, 2))[:, 0], [250, 50, 150], atol=4)


def test_other_tars_than_the_official_ones_are_refused(ilsvrc, tmp_path):
    with pytest.raises(ValueError, match=r"ILSVRC2012_img_train\.tar is .* bytes long, expected 147,897,477,120"):
        acquire(DATASETS["imagenet"], tmp_path / "out", path=ilsvrc)


def test_tiny_imagenet_becomes_splits(tiny, tmp_path):
    spec = DATASETS["tiny_imagenet"]
    pixels, labels = prepared(spec, tmp_path / "out", path=tiny, checksum=sums(tmp_path, tiny.name)[tiny.name])
    assert labels == [2, 0, 1]
    assert pixels.shape == (3, 64, 64, 3)


def test_the_users_folder_becomes_splits_and_a_damaged_picture_is_named(own, tmp_path):
    spec = replace(DATASETS["image_folder"], name="pets", image_size=32)
    pixels, labels = prepared(spec, tmp_path / "out", path=own)
    assert labels == [0, 0, 1, 1]
    assert pixels[:, 0, 0, 0].tolist() == [50, 60, 150, 160]
    damaged = own / "test" / "dog" / "1.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"test/dog/1\.png: "):
        prepared(spec, tmp_path / "again", path=own)
