"""Sets that others unpacked already: CIFAR, Tiny-ImageNet and ImageNet in the forms that people have."""

import io
import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dst_robustness.datasets import DATASETS, acquire
from dst_robustness.datasets.acquire import acquired
from dst_robustness.datasets.corrupted import find_corruptions

WNIDS = ("n01440764", "n01443537", "n02084071")


def read(name, folder, tmp_path, **changes):
    spec = replace(DATASETS[name], **changes)
    acquire(spec, tmp_path / "raw", path=folder)
    assert acquired(tmp_path / "raw").folder is not None
    return spec.read(spec, acquired(tmp_path / "raw"))


def image(path, shade, size=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (shade,) * 3).save(path, quality=95)


def shades(split):
    loaded = [split.load(i) for i in range(len(split.labels))]
    pixels = [np.asarray(Image.open(io.BytesIO(one))) if isinstance(one, bytes) else one for one in loaded]
    return [round(float(one.mean()) / 10) * 10 for one in pixels]


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    ("name", "top", "train", "test", "key"),
    [
        ("cifar10", "cifar-10-batches-py", [f"data_batch_{i}" for i in range(1, 6)], "test_batch", b"labels"),
        ("cifar100", "cifar-100-python", ["train"], "test", b"fine_labels"),
    ],
)
def test_cifar_as_torchvision_unpacks_it(cifar10_archive, tmp_path, inside, name, top, train, test, key):
    """The folder that the archive unpacks into, or the one above it."""
    own = tmp_path / "own" / top
    own.mkdir(parents=True)
    for number, file in enumerate([*train, test]):
        data = np.full((2, 3072), number, np.uint8)
        (own / file).write_bytes(pickle.dumps({b"data": data, key: [number, 1]}, protocol=2))
    raw = read(name, own if inside else own.parent, tmp_path)
    assert raw.train.labels.tolist() == [label for number in range(len(train)) for label in (number, 1)]
    assert [int(raw.test.load(i)[0, 0, 0]) for i in range(2)] == [len(train)] * 2


def test_the_archive_counts_where_it_lies_beside_the_folder(cifar10_archive, tmp_path):
    """Its sum can be checked, that of the folder cannot."""
    with tarfile.open(cifar10_archive) as archive:
        archive.extractall(cifar10_archive.parent, filter="data")
    with pytest.raises(ValueError, match=r"is .* bytes long, expected 170,498,071"):
        acquire(DATASETS["cifar10"], tmp_path / "raw", path=cifar10_archive.parent)


def test_cifar_as_image_files_keeps_the_published_labels(tmp_path):
    classes = DATASETS["cifar10"].classes
    for part in ("train", "test"):
        for label, name in enumerate(classes):
            image(tmp_path / "own" / part / name / "0001.png", 10 * label + (5 if part == "test" else 0), 32)
    raw = read("cifar10", tmp_path / "own", tmp_path)
    assert raw.classes == classes
    assert raw.train.labels.tolist() == list(range(10))
    (tmp_path / "own" / "train" / "ship").rename(tmp_path / "own" / "train" / "boat")
    (tmp_path / "own" / "test" / "ship").rename(tmp_path / "own" / "test" / "boat")
    with pytest.raises(ValueError, match="class folders are not the 10 of cifar10, as 'boat'"):
        read("cifar10", tmp_path / "own", tmp_path)


def test_cifar100_in_folders_of_superclasses(tmp_path):
    classes = DATASETS["cifar100"].classes
    for label, name in enumerate(classes):
        for part, shade in (("train", label), ("test", 100 + label)):
            image(tmp_path / "own" / part / f"super{label // 5}" / name / "0001.png", shade, 32)
    raw = read("cifar100", tmp_path / "own", tmp_path)
    assert raw.classes == classes
    assert sorted(raw.test.labels) == list(range(100))
    assert [int(raw.test.load(i)[0, 0, 0]) - 100 for i in (0, 57)] == raw.test.labels[[0, 57]].tolist()
    (tmp_path / "own" / "train" / "super0" / "apple").rename(tmp_path / "own" / "train" / "super0" / "pear tree")
    with pytest.raises(ValueError, match="class folders are not the 100 of cifar100, as 'pear tree'"):
        read("cifar100", tmp_path / "own", tmp_path)


@pytest.mark.parametrize(
    ("name", "top", "train", "test", "labels"),
    [
        ("cifar10", "cifar-10-batches-bin", [f"data_batch_{i}.bin" for i in range(1, 6)], "test_batch.bin", 1),
        ("cifar100", "cifar-100-binary", ["train.bin"], "test.bin", 2),
    ],
)
def test_cifar_in_its_binary_version(tmp_path, name, top, train, test, labels):
    """Each image is a label byte (CIFAR-100: coarse and fine), then red, green and blue planes."""
    own = tmp_path / "own" / top
    own.mkdir(parents=True)
    for number, file in enumerate([*train, test]):
        planes = np.repeat(np.array([number, 50, 99], np.uint8), 1024).tobytes()
        (own / file).write_bytes(b"".join(bytes([7] * (labels - 1) + [label]) + planes for label in (number, 1)))
    raw = read(name, own.parent, tmp_path)
    assert raw.train.labels.tolist() == [label for number in range(len(train)) for label in (number, 1)]
    assert raw.test.load(0)[3, 5].tolist() == [len(train), 50, 99]
    (own / test).write_bytes((own / test).read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"bytes, expected a multiple of .*; it is damaged"):
        read(name, own.parent, tmp_path)


VAL = {"val_0.JPEG": 2, "val_9.JPEG": 0, "val_10.JPEG": 1}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("form", ["official", "by class", "by class, images"])
def test_tiny_imagenet_unpacked_reads_as_its_archive(tmp_path, inside, form):
    root = tmp_path / "own" / "tiny-imagenet-200"
    for label, wnid in enumerate(WNIDS):
        image(root / "train" / wnid / "images" / f"{wnid}_0.JPEG", 100 * label)
        (root / "train" / wnid / f"{wnid}_boxes.txt").touch()
    image(root / "test" / "images" / "test_0.JPEG", 0)
    for name, label in VAL.items():
        folder = {"official": "images", "by class": WNIDS[label], "by class, images": f"{WNIDS[label]}/images"}[form]
        image(root / "val" / folder / name, 100 * label + 50)
    lines = [f"{name}\t{WNIDS[label]}\t0\t0\t62\t62\n" for name, label in VAL.items()]
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    raw = read("tiny_imagenet", root if inside else root.parent, tmp_path)
    assert raw.classes == WNIDS
    assert raw.train.labels.tolist() == [0, 1, 2]
    assert raw.test.labels.tolist() == [2, 0, 1]
    assert shades(raw.test) == [250, 50, 150]
    assert raw.test.load(0) == next(root.rglob("val_0.JPEG")).read_bytes()


@pytest.mark.parametrize("path", ["", "ILSVRC/Data/CLS-LOC"])
def test_imagenet_from_kaggle(tmp_path, path):
    """Flat val, its labels in a table with boxes, test without labels, annotations beside."""
    root = tmp_path / "own"
    data = root / "ILSVRC" / "Data" / "CLS-LOC"
    for label, wnid in enumerate(WNIDS):
        image(data / "train" / wnid / f"{wnid}_0.JPEG", 100 * label)
    truth = [2, 0, 1]
    for i, label in enumerate(truth):
        image(data / "val" / f"ILSVRC2012_val_{i + 1:08d}.JPEG", 100 * label + 50)
    image(data / "test" / "ILSVRC2012_test_00000001.JPEG", 0)
    (root / "ILSVRC" / "Annotations" / "CLS-LOC" / "val").mkdir(parents=True)
    rows = [f"ILSVRC2012_val_{i + 1:08d},{WNIDS[k]} 1 2 3 4 {WNIDS[k]} 5 6 7 8 " for i, k in enumerate(truth)]
    table = root / "LOC_val_solution.csv"
    table.write_text("\n".join(["ImageId,PredictionString", *reversed(rows)]))
    if path:  # the table was put where the data are
        table = table.rename(data / table.name)
    raw = read("imagenet", root / path, tmp_path, image_size=64)
    assert raw.classes == WNIDS
    assert raw.test.labels.tolist() == truth
    assert shades(raw.test) == [250, 50, 150]
    table.write_text("\n".join(["ImageId,PredictionString", *rows[:2]]))
    with pytest.raises(ValueError, match=r"LOC_val_solution\.csv has no label for .*val_00000003\.JPEG"):
        read("imagenet", root / path, tmp_path, image_size=64)
    table.unlink()
    with pytest.raises(
        ValueError, match=r"put ILSVRC2012_devkit_t12\.tar\.gz, Kaggle's LOC_val_solution\.csv or Caffe's"
    ):
        read("imagenet", root / path, tmp_path, image_size=64)


def test_imagenet_with_the_labels_of_caffe(tmp_path):
    """Numbers count the sorted WordNet ids; those of more classes than there are mean others."""
    root = tmp_path / "own"
    for label, wnid in enumerate(WNIDS):
        image(root / "train" / wnid / f"{wnid}_0.JPEG", 100 * label)
        image(root / "val" / f"ILSVRC2012_val_{3 - label:08d}.JPEG", 100 * label + 50)
    lines = [f"ILSVRC2012_val_{3 - label:08d}.JPEG {label}\n" for label in range(3)]
    (root / "val.txt").write_text("".join(lines))
    raw = read("imagenet", root, tmp_path, image_size=64)
    assert raw.test.labels.tolist() == [2, 1, 0]
    assert shades(raw.test) == [250, 150, 50]
    for wrong, match in (("x.JPEG 999\n", "are not those of the 3 classes"), ("x.JPEG\n", "is no line FILE NUMBER")):
        (root / "val.txt").write_text("".join([*lines, wrong]))
        with pytest.raises(ValueError, match=match):
            read("imagenet", root, tmp_path, image_size=64)


def test_one_corruption_found_twice_is_refused_with_both_places(tmp_path):
    for top in ("ImageNet-C", "ImageNet-C (1)"):
        for severity in range(1, 6):
            (tmp_path / top / "fog" / str(severity)).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"'fog' is there twice, as .*/fog and .*/fog; keep only one"):
        find_corruptions(tmp_path)
    np.save(tmp_path / "ImageNet-C" / "snow.npy", np.zeros(1))
    (tmp_path / "ImageNet-C" / "snow" / "1").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"'snow' is there twice, as .*/snow\.npy and .*/snow;"):
        find_corruptions(tmp_path / "ImageNet-C")


def test_hidden_copies_of_corruptions_do_not_count(tmp_path):
    for place in ("ImageNet-C/fog/1", "__MACOSX/ImageNet-C/fog/1", "ImageNet-C/fog/.ipynb_checkpoints"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "ImageNet-C" / "._snow.npy").touch()
    assert find_corruptions(tmp_path) == {"fog": tmp_path / "ImageNet-C" / "fog"}
