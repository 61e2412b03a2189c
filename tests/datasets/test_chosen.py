"""Lists of test samples: rows or files, each once, and each one there."""

import numpy as np
import pytest

from dst_robustness.datasets.chosen import listed_rows
from dst_robustness.datasets.spec import Split
from dst_robustness.study.configuration import read_study
from dst_robustness.study.data import list_of_tests

CLASSES = ("n01", "n02")
FILES = ("n01/val_3.JPEG", "n01/val_7.JPEG", "n02/val_1.JPEG", "n02/val_7.JPEG")
SPLIT = Split(np.array([0, 0, 1, 1]), lambda _: b"", lambda row: f"/data/val/{FILES[row]}")


def listed(folder, text):
    (folder / "list.txt").write_text(text, encoding="utf-8")
    return listed_rows(folder / "list.txt", SPLIT, CLASSES).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("3\n0\n", [0, 3]),
        ("n02/val_1.JPEG\n\nn01/val_3.JPEG\n", [0, 2]),
        ("val_1.JPEG\nval_3", [0, 2]),
        ("n02/val_7.png\r\n1\r\n", [1, 3]),
    ],
)
def test_samples_are_named_by_row_or_by_file(tmp_path, text, rows):
    """RobustBench lists CLASS/FILE; an ending may differ, as in a copy that was converted."""
    assert listed(tmp_path, text) == rows


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0001", "names '0001', which is not in the test split"),  # a file 0001.jpg, not row 1
        ("4", "names '4', which is no row; allowed: 0 to 3"),
        ("val_9.JPEG", "names 'val_9.JPEG', which is not in the test split"),
        ("val_7.JPEG", "names 'val_7.JPEG', which may be /data/val/n01/val_7.JPEG or /data/val/n02/val_7.JPEG"),
        ("n01/val_1.JPEG", "which is of another class: /data/val/n02/val_1.JPEG"),
        ("2\nn02/val_1.JPEG", "names /data/val/n02/val_1.JPEG twice"),
        ("5\n5", "no row"),
        ("1\n1", "twice"),
        (" \n", "names no sample"),
    ],
)
def test_what_a_list_cannot_mean_is_one_line(tmp_path, text, match):
    with pytest.raises(ValueError, match=match):
        listed(tmp_path, text)


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"test_samples: cannot read the list .*list.txt"):
        listed_rows(tmp_path / "list.txt", SPLIT, CLASSES)


@pytest.mark.parametrize(("value", "found"), [(5, None), ("5", None), ("robustbench.txt", "robustbench.txt")])
def test_digits_on_the_command_line_are_a_number_of_samples(value, found):
    study = read_study(
        {"datasets": {"cifar10": {"test_samples": value}}, "scenarios": [{"dataset": "cifar10", "model": "resnet8"}]}
    )
    assert list_of_tests("cifar10", study) == found
    assert study.datasets["cifar10"].test_samples == (found or 5)
