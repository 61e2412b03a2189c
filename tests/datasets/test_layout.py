"""Usual layouts of a folder, for images and videos alike, and what is refused."""

import os
import unicodedata

import pytest

from dst_robustness.datasets.layout import find_layout


@pytest.fixture(params=[".png", ".mp4"])
def ending(request):
    return request.param


def fill(root, ending, *places):
    """Two different files in each folder; places are relative to the root."""
    for place in places:
        folder = root / place
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(2):
            (folder / f"{len(list(root.rglob('*')))}{ending}").write_text(f"{place!a} {i}")


def found(root, ending):
    layout = find_layout(root, (ending,))
    parts = {"train": layout.train, "test": layout.test, "validation": layout.validation}
    return layout.classes, {name: part.labels.tolist() for name, part in parts.items() if part}


def both(part, classes=("cat", "dog")):
    return [f"{part}/{name}" for name in classes]


HALVES = {"train": [0, 0, 1, 1], "test": [0, 0, 1, 1]}


@pytest.mark.parametrize("test", ["test", "val", "valid", "validation", "validate", "eval", "Test", "VAL", "testing"])
@pytest.mark.parametrize("above", ["", "pets", "data/pets-v2"])
def test_names_of_parts_in_any_case_and_at_any_depth(tmp_path, ending, test, above):
    fill(tmp_path / above, ending, *both("Train"), *both(test))
    (tmp_path / "README.md").touch()
    (tmp_path / above / "annotations").mkdir()
    assert found(tmp_path, ending) == (("cat", "dog"), HALVES)


def test_three_parts(tmp_path, ending):
    fill(tmp_path, ending, *both("train"), *both("test"), "valid/dog")
    assert found(tmp_path, ending) == (("cat", "dog"), HALVES | {"validation": [1, 1]})


@pytest.mark.parametrize("test", ["test", "test/images", "test/unknown/deep"])
def test_a_test_folder_without_labels_is_left_out(tmp_path, ending, test, caplog):
    fill(tmp_path, ending, *both("train"), *both("val"), test)
    assert found(tmp_path, ending) == (("cat", "dog"), HALVES)
    assert "test has no class folders and no table of labels, and is left out" in caplog.text
    assert "its validation part is the test split" in caplog.text


def test_a_class_may_be_called_like_a_part(tmp_path, ending):
    fill(tmp_path / "a", ending, "bus", "train", "val")
    assert found(tmp_path / "a", ending)[0] == ("bus", "train", "val")
    fill(tmp_path / "b", ending, *both("train", ("bus", "train")), *both("test", ("bus", "train")))
    assert found(tmp_path / "b", ending) == (("bus", "train"), HALVES)


def test_words_in_the_names_of_classes_are_not_taken_for_parts(tmp_path, ending):
    """Classes hold their files directly, or have only names that no part has beside them."""
    fill(tmp_path, ending, "train station", "test tube", "tree", "bus/test-drive")
    assert found(tmp_path, ending)[0] == ("bus", "test tube", "train station", "tree")


def test_classes_that_differ_by_case_alone_are_told(tmp_path, ending, caplog):
    """Letters may be such classes, but Cat and cat are more often one that two people have named."""
    fill(tmp_path, ending, "Cat", "cat", "dog")
    assert found(tmp_path, ending)[0] == ("Cat", "cat", "dog")
    assert caplog.messages == ["the classes 'Cat' and 'cat' differ by case alone (pairs like that: 1)"]


def test_two_forms_of_one_name_are_one_class(tmp_path, ending):
    composed, decomposed = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    fill(tmp_path, ending, f"train/{composed}", "train/dog", f"test/{decomposed}", "test/dog")
    assert found(tmp_path, ending) == ((composed, "dog"), HALVES)


def test_names_that_are_no_text_are_read(tmp_path, ending):
    fill(tmp_path, ending, *both("train", (os.fsdecode(b"caf\xe9"), "dog")), "test/dog")
    assert found(tmp_path, ending)[0] == ("caf\\xe9", "dog")


def test_the_same_file_in_two_parts_is_counted(tmp_path, ending, caplog):
    fill(tmp_path, ending, *both("train"), *both("test"))
    for i in range(2):
        (tmp_path / "train" / "cat" / f"same{i}{ending}").write_text(f"same {i}")
        (tmp_path / "test" / "dog" / f"other{i}{ending}").write_text(f"same {i}")
    found(tmp_path, ending)
    (line,) = caplog.messages
    assert line.startswith("2 files of the test part are in the training part too, the first ")
    assert line.endswith(f"test/dog/other0{ending} as {tmp_path}/train/cat/same0{ending}")


def test_hidden_folders_are_no_part_and_no_class(tmp_path, ending):
    fill(
        tmp_path, ending, *both("train"), *both("test"), "__MACOSX/train/cat", "train/@eaDir", "test/.ipynb_checkpoints"
    )
    assert found(tmp_path, ending) == (("cat", "dog"), HALVES)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["train/cat", "train/dog"], "has train, and needs test or val beside it"),
        (["train/cat", "train/dog", "test/cat", "Test/cat"], r"/Test and .*/test both stand for the test part"),
        (["train/cat", "train/dog", "val/cat", "valid/cat"], r"/val and .*/valid both stand for the validation part"),
        (["train/cat", "train/dog", "test/cat", "test/bird"], "of class 'bird', which the training part does not have"),
        (["train/cat", "train/dog", "test/Cat", "test/Dog"], "of class 'Cat', which the training part does not have"),
        (["train/cat", "train/dog", "test"], "test and val have no labels"),
        (["."], "holds no class folders, and no table of labels is beside it"),
        ([*both("seg_train"), *both("seg_test"), "seg_pred"], "/seg_train and .*/seg_test would be two classes; if"),
        ([*both("a/training_set"), *both("a/test_set")], "/training_set and .*/test_set would be two classes; if"),
        (["trainA", "trainB", "testA", "testB"], "/trainB and .*/testB would be two classes; if they are parts, call"),
        ([*both("cat", ("train", "test")), *both("dog", ("train", "test"))], "/cat/train is a part within a class; p"),
        (["images"], "holds one class alone, 'images'; expected train/CLASS/FILE"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(tmp_path, ending, places, message):
    fill(tmp_path, ending, *places)
    with pytest.raises(ValueError, match=message):
        found(tmp_path, ending)


def test_a_class_without_a_file_is_refused(tmp_path, ending):
    fill(tmp_path, ending, *both("train"), *both("test"))
    (tmp_path / "train" / "bird").mkdir()
    (tmp_path / "train" / "bird" / "notes.txt").touch()
    with pytest.raises(ValueError, match=rf"train/bird holds no file that ends in {ending}"):
        found(tmp_path, ending)
