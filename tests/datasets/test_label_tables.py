"""Tables of labels in the forms that people have, for images and videos alike."""

import pytest

from dst_robustness.datasets.layout import find_layout


@pytest.fixture(params=[".png", ".mp4"])
def ending(request):
    return request.param


def fill(root, ending, folder, count=4):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (root / folder / f"{i}{ending}").write_text(f"{folder} {i}")


def names(root, ending):
    """Return for each part its files and classes as text."""
    layout = find_layout(root, (ending,))
    parts = {"train": layout.train, "test": layout.test, "validation": layout.validation}
    return {
        part: {
            str(f.relative_to(root).with_suffix("")): layout.classes[label]
            for f, label in zip(its.files, its.labels, strict=True)
        }
        for part, its in parts.items()
        if its
    }


def table(rows, ending, folder="", header="file,label", separator=","):
    lines = [f"{folder}{i}{ending}{separator}{label}" for i, label in enumerate(rows)]
    return "\n".join([header] * bool(header) + lines)


EXPECTED = {
    part: {f"{part}/{i}": name for i, name in enumerate(["cat", "dog", "cat", "dog"])} for part in ("train", "test")
}
LABELS = ["cat", "dog", "cat", "dog"]


@pytest.mark.parametrize("place", ["train.csv", "train_labels.csv", "train/labels.csv", "Labels-Train.csv"])
@pytest.mark.parametrize("header", ["file,label", "id,breed", ""])
def test_a_table_for_each_part(tmp_path, ending, place, header):
    for part in ("train", "test"):
        fill(tmp_path, ending, part)
        path = tmp_path / place.replace("train", part).replace("Train", part.title())
        path.write_text(table(LABELS, ending, header=header))
    assert names(tmp_path, ending) == EXPECTED


def test_a_table_whose_first_line_tells_excel_the_delimiter(tmp_path, ending):
    """Excel writes and reads such a line; it is neither a header nor a sample."""
    for part in ("train", "test"):
        fill(tmp_path, ending, part)
        (tmp_path / part / "labels.csv").write_text(
            "sep=;\n" + table(LABELS, ending, header="file;label", separator=";")
        )
    assert names(tmp_path, ending) == EXPECTED


def test_one_table_with_paths(tmp_path, ending):
    rows = ["path,width,class"]
    for part in ("train", "test"):
        fill(tmp_path, ending, part)
        rows += [f"./{part}/{i}{ending},640,{label}" for i, label in enumerate(LABELS)]
    (tmp_path / "labels.csv").write_text("\r\n".join(rows), encoding="utf-8-sig")
    assert names(tmp_path, ending) == EXPECTED


def test_a_column_that_divides_one_folder(tmp_path, ending):
    fill(tmp_path, ending, "images")
    rows = ["image;split;label", "0;train;cat", "1;Train;dog", "2;test;cat", "3;valid;dog"]
    (tmp_path / "all.csv").write_text("\n".join(rows))
    assert names(tmp_path, ending) == {
        "train": {"images/0": "cat", "images/1": "dog"},
        "test": {"images/2": "cat"},
        "validation": {"images/3": "dog"},
    }


def test_files_in_one_folder_are_divided_here(tmp_path, ending):
    fill(tmp_path, ending, "images", count=20)
    (tmp_path / "labels.tsv").write_text(table(["cat", "dog"] * 10, ending, header="file\tlabel", separator="\t"))
    found = names(tmp_path, ending)
    assert {part: len(files) for part, files in found.items()} == {"train": 16, "test": 4}
    assert sorted(found["test"].values()) == ["cat", "cat", "dog", "dog"]


def test_kaggle_labels_of_train_alone(tmp_path, ending):
    """``labels.csv`` says the training files, ``sample_submission.csv`` pretends to say the test files."""
    fill(tmp_path, ending, "train", count=10)
    (tmp_path / "test").mkdir()
    for i in (20, 21):
        (tmp_path / "test" / f"{i}{ending}").write_text(str(i))
    (tmp_path / "labels.csv").write_text(table(["cat", "dog"] * 5, ""))
    (tmp_path / "sample_submission.csv").write_text("id,label\n20,cat\n21,cat\n")
    with pytest.raises(ValueError, match="test and val have no labels"):
        names(tmp_path, ending)


def test_a_flat_test_folder_beside_class_folders(tmp_path, ending):
    for name in ("cat", "dog"):
        fill(tmp_path, ending, f"train/{name}", count=1)
    fill(tmp_path, ending, "test")
    (tmp_path / "test.csv").write_text(table(LABELS, ending))
    assert names(tmp_path, ending)["test"] == EXPECTED["test"]


def test_class_folders_count_where_a_table_says_the_same_in_numbers(tmp_path, ending):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            fill(tmp_path, ending, f"{part}/{name}", count=1)
    (tmp_path / "train.csv").write_text(f"path,label\ntrain/cat/0{ending},0\ntrain/dog/0{ending},1\n")
    assert names(tmp_path, ending)["train"] == {"train/cat/0": "cat", "train/dog/0": "dog"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,label\n0,cat\n1,dog\n2,cat\n3,dog\n9,cat\n8,cat", "names 2 files that are not below .*, the first 9"),
        ("file,a,b\n0,cat,x\n1,dog,x\n2,cat,x", "which column holds the class.*; there are: file, a, b"),
        ("file,label\n0,cat\n0,dog\n1,dog", r"images/0\..* is of two classes, cat and dog"),
        ("file,split,label\n0,first,cat\n1,test,dog", "'first' is no part of a data set; allowed: train"),
        ('file\tlabel\n0\t"cat\n1\tdog\n2\t"cat\n3\tdog', r"labels\.csv: the cell that begins with 'cat' goes on over"),
        (
            "file,label\n00,cat\n01,dog",
            r"one class alone, 'images'; .*; .*labels\.csv tells the class of none of these",
        ),
        ("file,label\n0,cat, black\n1,dog\n2,cat, white", "the row of 0 has more cells than the header; put text with"),
        (f"file,label\n0,cat\n1,{'d' * 200_000}", r"labels\.csv is no table that can be read: field larger than"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, ending, content, message):
    fill(tmp_path, ending, "images")
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        names(tmp_path, ending)


@pytest.mark.parametrize(
    "content",
    [
        "# made by hand\nfile,label\n0,cat\n1,dog",  # a remark above the header
        "file,label\n0,cat,\n1,dog,",  # more cells than the header has
        '"file" "width" "label"\n"8" "0" "64" "cat"\n"9" "1" "64" "dog"'.replace(" ", ","),  # R's write.table
    ],
)
def test_headers_that_do_not_fit_their_rows(tmp_path, ending, content):
    """No traceback, and the width of a picture is not taken for its class."""
    fill(tmp_path, ending, "images")
    (tmp_path / "labels.csv").write_text(content)
    found = names(tmp_path, ending)
    assert found["train"] | found["test"] == {"images/0": "cat", "images/1": "dog"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_tables_of_windows_are_read_and_not_said_to_be_left_out(tmp_path, ending, encoding, caplog):
    fill(tmp_path, ending, "images")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "labels.csv").write_text(mark + table(LABELS, ending), encoding=encoding)
    found = names(tmp_path, ending)
    assert len(found["train"] | found["test"]) == 4
    assert caplog.messages == []


def test_a_name_that_may_be_either_of_two_is_refused(tmp_path, ending):
    fill(tmp_path, ending, "a/b")
    fill(tmp_path, ending, "a/c")
    (tmp_path / "a" / f"9{ending}").write_text("9")
    (tmp_path / "a" / "labels.csv").write_text(table(LABELS, ending))
    with pytest.raises(ValueError, match=r"'0\..*' may be a/"):
        names(tmp_path, ending)
