"""Lists of videos in the encodings that people have."""

import os
import unicodedata

import pytest

from dst_robustness.datasets import DATASETS
from dst_robustness.datasets.split_lists import listed_videos, read_lines
from dst_robustness.datasets.video_folder import video_set


def test_lines_with_spaces_and_without_numbers(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a b.avi 1 \r\nc.avi\t2\r\nd e.avi\n\nf\xe9.avi 0\n")
    assert read_lines(path) == [
        ("a b.avi", "1"), ("c.avi", "2"), ("d e.avi", None), (os.fsdecode(b"f\xe9.avi"), "0")
    ]  # fmt: skip


@pytest.mark.parametrize("disk", [b"\xc3\xa9.avi", b"e\xcc\x81.avi", b"\xe9.avi"])
@pytest.mark.parametrize("said", [b"\xc3\xa9.avi", b"e\xcc\x81.avi", b"\xe9.avi"])
def test_the_same_text_in_other_bytes_is_found(tmp_path, disk, said):
    """UTF-8 composed and decomposed, and Latin-1, in the list and on disk."""
    video = tmp_path / os.fsdecode(disk)
    assert listed_videos(tmp_path / "list", [f"run/{os.fsdecode(said)}"], {"run": [video]}) == [video]


def test_two_files_of_one_text_are_told_apart_or_refused(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "\u00e9.avi") for form in ("NFC", "NFD"))
    videos = {"run": [tmp_path / composed, tmp_path / decomposed]}
    assert listed_videos(tmp_path / "list", [f"run/{decomposed}"], videos) == [tmp_path / decomposed]
    with pytest.raises(ValueError, match=r"may be .* or .*; rename one"):
        listed_videos(tmp_path / "list", ["run/" + os.fsdecode(b"\xe9.avi")], videos)


def test_missing_videos_and_names_that_leave_the_folder(tmp_path):
    with pytest.raises(ValueError, match=r"list names 2 videos that are not there, the first run/a\.avi"):
        listed_videos(tmp_path / "list", ["run/a.avi", "run/b.avi"], {"run": []})
    with pytest.raises(ValueError, match="leaves the folder of the videos"):
        listed_videos(tmp_path / "list", ["../a.avi"], {})
    with pytest.raises(ValueError, match="names no video"):
        listed_videos(tmp_path / "list", [], {})


def test_a_video_of_both_parts_is_refused(tmp_path):
    """Accuracy on what was trained on says nothing."""
    one, two = tmp_path / "one.avi", tmp_path / "two.avi"
    with pytest.raises(ValueError, match=r"one\.avi is in the training part and in the test part"):
        video_set(DATASETS["hmdb51"], ("a", "b"), [(one, 0), (two, 1)], [(one, 0)])
