"""Sets of natural shift in miniature, in the exact layouts of their publishers."""

import io
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dst_robustness.datasets import DATASETS, acquire, prepare
from dst_robustness.datasets.acquire import acquired
from dst_robustness.datasets.cifar import CIFAR10
from dst_robustness.datasets.spec import RemoteFile
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.shifted import import_shifted
from dst_robustness.sets.storage import Samples, create_hdf5, open_hdf5, write_samples

WNIDS = ("n01440764", "n01443537", "n02084071")


def clean(path, classes, side, jpeg_quality=None):
    attributes = SetAttributes(dataset="own", split="test", classes=classes, mean=(0.5,) * 3, std=(0.2,) * 3)
    with create_hdf5(path, **attributes.stored()) as file:
        write_samples(file, [np.zeros((2, side, side, 3), np.uint8)], np.array([0, 1]), jpeg_quality=jpeg_quality)
    return path


def shifted(spec, folder, split):
    import_shifted(spec, acquired(folder), split, folder / "shift.h5")
    with open_hdf5(folder / "shift.h5") as file:
        samples = Samples(file)
        return samples[:].mean(axis=(1, 2))[:, 0].tolist(), samples.labels.tolist(), SetAttributes.read(file)


SHADES = np.arange(6, dtype=np.uint8)[:, None, None, None] * 10 + np.zeros((32, 32, 3), np.uint8)
LABELS = np.array([9, 0, 3, 3, 1, 2])


def cifar10_1(folder):
    """Two arrays, as in the repository's folder ``datasets``; labels are int32 there."""
    np.save(folder / "cifar10.1_v6_data.npy", SHADES)
    np.save(folder / "cifar10.1_v6_labels.npy", LABELS.astype(np.int32))
    np.save(folder / "cifar10.1_v4_data.npy", SHADES[:2])  # another version beside it
    return DATASETS["cifar10_1"]


def cifar10_2(folder):
    """One file of one pickled mapping, with the entries that its README names."""
    content = {"images": SHADES, "labels": LABELS, "label_names": list(CIFAR10.classes), "ti_indices": LABELS}
    np.save(folder / "cifar102_test.npy", content, allow_pickle=True)
    return DATASETS["cifar10_2"]


@pytest.mark.parametrize("make", [cifar10_1, cifar10_2])
def test_arrays_become_a_test_set(tmp_path, make):
    (tmp_path / "own").mkdir()
    spec = make(tmp_path / "own")
    acquire(spec, tmp_path / "raw", path=tmp_path / "own")
    split = clean(tmp_path / "test.h5", CIFAR10.classes, 32)
    shades, labels, about = shifted(spec, tmp_path / "raw", split)
    assert shades == [0, 10, 20, 30, 40, 50]
    assert labels == LABELS.tolist()
    assert (about.shift, about.dataset, about.answers) == (spec.name, spec.name, (0, 1, 2, 3, 9))
    assert (about.mean, about.classes) == ((0.5,) * 3, CIFAR10.classes)


@pytest.mark.parametrize(
    ("labels", "message"), [(LABELS[:5], "expected uint8"), (LABELS + 5, "0 to 9"), (LABELS / 2, "labels are float64")]
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, labels, message):
    spec = cifar10_1(tmp_path)
    np.save(tmp_path / "cifar10.1_v6_labels.npy", labels)
    acquire(spec, tmp_path / "raw", path=tmp_path)
    split = clean(tmp_path / "test.h5", CIFAR10.classes, 32)
    with pytest.raises(ValueError, match=message):
        import_shifted(spec, acquired(tmp_path / "raw"), split, tmp_path / "x.h5")
    with pytest.raises(ValueError, match="has the ten classes of CIFAR-10, the networks have 3"):
        import_shifted(spec, acquired(tmp_path / "raw"), clean(tmp_path / "t.h5", WNIDS, 32), tmp_path / "x.h5")


def jpeg(shade, kind="JPEG"):
    buffer = io.BytesIO()
    Image.new("RGB", (80, 64), (shade,) * 3).save(buffer, kind)
    return buffer.getvalue()


def pack(archive, members):
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
        return
    with tarfile.open(archive, "w:gz" if archive.suffix == ".gz" else "w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))


def small(name):
    """The set without its sum, at 64 pixels."""
    spec = DATASETS[name]
    return replace(spec, image_size=64, files=tuple(RemoteFile(file.name) for file in spec.files))


@pytest.mark.parametrize(
    ("name", "top", "ending"),
    [("imagenet_a", "imagenet-a", "jpg"), ("imagenet_r", "imagenet-r", "jpg"), ("imagenet_sketch", "sketch", "JPEG")],
)
@pytest.mark.parametrize("unpacked", [False, True])
def test_folders_of_wordnet_ids(tmp_path, name, top, ending, unpacked):
    """``imagenet-a.tar`` with a README among its 200 classes; ``ImageNet-Sketch.zip``; or what they unpack into."""
    members = {f"{top}/README.txt": b"text"}
    for i, wnid in enumerate((WNIDS[2], WNIDS[0], "n09999999")):
        members[f"{top}/{wnid}/image_{i}.{ending}"] = jpeg(50 * i + 20)
    spec, own = small(name), tmp_path / "own"
    own.mkdir()
    if unpacked:
        for member, content in members.items():
            (own / member).parent.mkdir(parents=True, exist_ok=True)
            (own / member).write_bytes(content)
    else:
        pack(own / spec.files[0].name, members)
    acquire(spec, tmp_path / "raw", path=own)
    shades, labels, about = shifted(spec, tmp_path / "raw", clean(tmp_path / "test.h5", WNIDS, 64, jpeg_quality=95))
    np.testing.assert_allclose(shades, [70, 20], atol=2)
    assert (labels, about.answers) == ([0, 2], (0, 2))


def test_imagenet_v2_numbers_its_classes_in_the_order_of_their_ids(tmp_path):
    spec = small("imagenet_v2")
    top = "imagenetv2-matched-frequency-format-val"
    pack(tmp_path / spec.files[0].name, {f"{top}/{i}/{i}.jpeg": jpeg(i // 4) for i in (0, 7, 10, 999)})
    acquire(spec, tmp_path / "raw", path=tmp_path)
    classes = tuple(f"n{i:08d}" for i in range(1000))
    shades, labels, _ = shifted(spec, tmp_path / "raw", clean(tmp_path / "test.h5", classes, 64))
    assert labels == [0, 10, 7, 999]
    np.testing.assert_allclose(shades, [0, 2, 1, 249], atol=2)
    with pytest.raises(ValueError, match=r"numbers of ImageNet's 1000 classes, the networks have 3"):
        shifted(spec, tmp_path / "raw", clean(tmp_path / "t.h5", WNIDS, 64))


def test_a_set_of_other_classes_is_refused(tmp_path):
    spec = small("imagenet_r")
    for name in ("cat", "dog"):
        (tmp_path / "own" / name).mkdir(parents=True)
        (tmp_path / "own" / name / "1.jpg").write_bytes(jpeg(0))
    acquire(spec, tmp_path / "raw", path=tmp_path / "own")
    with pytest.raises(ValueError, match="none of the networks' 3 classes, as n01440764"):
        shifted(spec, tmp_path / "raw", clean(tmp_path / "t.h5", WNIDS, 64))


@pytest.mark.parametrize(
    "name", ["cifar10_1", "cifar10_2", "imagenet_v2", "imagenet_a", "imagenet_r", "imagenet_sketch"]
)
def test_each_says_of_which_data_set_it_tests_the_networks(name, tmp_path):
    spec = DATASETS[name]
    assert spec.image_size == DATASETS[spec.shifted_from].image_size
    assert spec.licence
    with pytest.raises(ValueError, match=f"{name} is a test set for networks that are trained on {spec.shifted_from}"):
        prepare(spec, tmp_path, {})
