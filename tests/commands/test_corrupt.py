"""``dst-robustness corrupt``: any folder of images to the layouts of the benchmarks."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dst_robustness.__main__ import main
from dst_robustness.corruptions import corrupt_images
from dst_robustness.datasets.any_folder import read_folder
from dst_robustness.datasets.folders import IMAGE_FOLDER
from dst_robustness.datasets.prepare import prepare
from dst_robustness.datasets.spec import Acquired
from dst_robustness.sets.corrupt import generate_corrupted
from dst_robustness.sets.hdf5 import open_hdf5
from dst_robustness.sets.storage import Samples

NAMES = ["cat/one", "cat/two", "dog/one"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images of different sizes in two classes, some PNG and some JPEG."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        path = tmp_path / "images" / f"{name}{'.png' if number % 2 else '.jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(generator.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        small.resize((96 + 8 * number, 80), Image.Resampling.BICUBIC).save(path)
    return tmp_path / "images"


def prepared(folder: Path, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test split that the workflow makes of the same images."""
    root = tmp_path / "study"
    root.mkdir()
    for part in ("train", "test"):
        (root / part).symlink_to(folder)
    monkeypatch.setattr(import_module("dst_robustness.datasets.prepare"), "acquired", lambda _: Acquired(folder=root))
    splits = {name: tmp_path / f"{name}.h5" for name in ("train", "validation", "test")}
    prepare(replace(IMAGE_FOLDER, image_size=size), root, splits, validation_fraction=0.4)
    return splits["test"]


def test_the_images_are_those_of_the_workflow_byte_for_byte(folder, tmp_path, monkeypatch) -> None:
    """Protects comparisons: a set made by the command and one made by the workflow are one set."""
    test = prepared(folder, 64, tmp_path, monkeypatch)
    assert main(["corrupt", str(folder), str(tmp_path / "out"), "--size", "64", "--corruptions", "snow,fog"]) == 0
    for name in ("snow", "fog"):
        generate_corrupted(test, tmp_path / "set.h5", name)
        with open_hdf5(tmp_path / "set.h5") as file:
            for severity in range(1, 6):
                for row, image in enumerate(NAMES):
                    written = (tmp_path / "out" / name / str(severity) / f"{image}.JPEG").read_bytes()
                    assert written == file[str(severity)]["images"][row].tobytes()


def test_the_arrays_are_those_of_the_workflow(folder, tmp_path, monkeypatch) -> None:
    """The same for small images, whose published form is arrays."""
    test = prepared(folder, 32, tmp_path, monkeypatch)
    generate_corrupted(test, tmp_path / "set.h5", "contrast")
    options = ["--size", "32", "--corruptions", "contrast", "--format", "npy", "--jobs", "2"]
    assert main(["corrupt", str(folder), str(tmp_path / "out"), *options]) == 0
    with open_hdf5(tmp_path / "set.h5") as file:
        groups = [Samples(file[str(severity)]) for severity in range(1, 6)]
        images, labels = (
            np.concatenate(parts) for parts in ([group[:] for group in groups], [g.labels for g in groups])
        )
    assert np.array_equal(np.load(tmp_path / "out/contrast.npy"), images)
    assert np.array_equal(np.load(tmp_path / "out/labels.npy"), labels)


def test_a_second_call_makes_what_is_missing(folder, tmp_path, capsys) -> None:
    """Protects what a stopped call has made; a file that was cut short is made again."""
    command = ["corrupt", str(folder), str(tmp_path / "out"), "--size", "32", "--corruptions", "contrast"]
    assert main(command) == 0
    first = tmp_path / "out/contrast/2/cat/one.JPEG"
    whole, kept = first.read_bytes(), tmp_path / "out/contrast/3/dog/one.JPEG"
    first.write_bytes(b"")
    (tmp_path / "out/contrast/5/cat/two.JPEG").unlink()
    kept.write_bytes(b"kept")
    assert main(command) == 0
    assert "2 of 15 images were missing" in capsys.readouterr().out
    assert first.read_bytes() == whole
    assert kept.read_bytes() == b"kept"


def test_images_of_other_making_are_not_mixed(folder, tmp_path, capsys) -> None:
    """One folder holds one set: another seed or other images are refused; further corruptions are welcome."""
    command = ["corrupt", str(folder), str(tmp_path / "out"), "--size", "32", "--severities", "1"]
    assert main([*command, "--corruptions", "contrast"]) == 0
    assert main([*command, "--corruptions", "frost"]) == 0
    assert main([*command, "--corruptions", "contrast", "--seed", "1"]) == 1
    assert "made with seed 0, not 1" in capsys.readouterr().err
    (folder / "cat" / "one.jpg").unlink()
    assert main([*command, "--corruptions", "contrast"]) == 1
    assert "made with images 3, not 2" in capsys.readouterr().err


def test_a_call_that_made_nothing_does_not_claim_the_folder(folder, tmp_path, capsys) -> None:
    """Who is told to give a size and gives it is not told that the empty folder holds images of another one."""
    command = ["corrupt", str(folder), str(tmp_path / "out"), "--corruptions", "contrast", "--severities", "1"]
    assert main(command) == 1
    assert "give a size to which all are resized" in capsys.readouterr().err
    assert main([*command, "--size", "32"]) == 0


def test_the_folder_of_all_parts_is_refused(folder, tmp_path, capsys) -> None:
    """Else train and test would be the classes, in labels.npy too."""
    folder.rename(tmp_path / "test")
    assert main(["corrupt", str(tmp_path), str(tmp_path.with_name(f"{tmp_path.name}_out")), "--size", "32"]) == 1
    assert "test is a part of a data set, not a class; give the part as the folder" in capsys.readouterr().err


def test_a_folder_without_classes_keeps_names_and_sizes(tmp_path, capsys) -> None:
    """Images without class folders, taken as they are: the pixels are those of corrupt_images."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 40, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    out = tmp_path.with_name(f"{tmp_path.name}_out")
    assert main(["corrupt", str(tmp_path), str(out), "--format", "npy", "--corruptions", "fog"]) == 0
    assert "labels.npy is not written" in capsys.readouterr().out
    expected = np.concatenate([corrupt_images(pixels, "fog", s, family="cifar") for s in range(1, 6)])
    assert np.array_equal(np.load(out / "fog.npy"), expected)
    assert read_folder(tmp_path).labels is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--corruptions", "snwo"], "Did you mean 'snow'"),
        (["--corruptions", "snow,frog"], "Did you mean 'fog'"),
        (["--severities", "0-2"], "--severities is 0-2; allowed: 1 to 5"),
        (["--severities", "one"], "--severities is one; allowed: a range or list"),
        (["--size", "4"], "--size is 4"),
        (["--family", "imagnet"], "Did you mean 'imagenet'"),
        (["--quality", "0"], "--quality is 0"),
        (["--format", "npy", "--severities", "1"], "hold severities 1-5"),
        ([], "give a size to which all are resized"),
    ],
)
def test_bad_options_are_named(folder, tmp_path, capsys, options, message) -> None:
    """Protects from a stack trace: one line says what is wrong and what is allowed."""
    assert main(["corrupt", str(folder), str(tmp_path / "out"), *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_bad_folders_are_named(folder, tmp_path, capsys) -> None:
    """No folder, no image, a damaged image, two of one name, and an output inside the input."""
    out = str(tmp_path / "out")
    (tmp_path / "empty").mkdir()
    assert main(["corrupt", str(tmp_path / "none"), out]) == 1
    assert main(["corrupt", str(tmp_path / "empty"), out]) == 1
    assert main(["corrupt", str(folder), str(folder / "out")]) == 1
    (folder / "cat" / "one.bmp").write_bytes((folder / "cat" / "one.jpg").read_bytes())
    assert main(["corrupt", str(folder), out, "--size", "32"]) == 1
    (folder / "cat" / "one.bmp").unlink()
    (folder / "dog" / "one.jpg").write_bytes(b"\xff\xd8\xff")
    assert main(["corrupt", str(folder), out, "--size", "32"]) == 1
    lines = capsys.readouterr().err.splitlines()
    for line, part in zip(
        lines, ["no folder", "holds no image", "lies in", "would both be corrupted to cat/one.JPEG", "dog/one.jpg"],
        strict=True,
    ):  # fmt: skip
        assert part in line
