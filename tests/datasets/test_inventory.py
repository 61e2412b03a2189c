"""Noticing that a folder changed, and saying so."""

import hashlib
import os

import pytest

from dst_robustness.datasets.inventory import CONTENTS, by_length, outline, state, take_inventory


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own"
    for name, content in (("cat/1", b"one"), ("cat/2", b"two"), ("dog/3", b"three")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def add(own):
    (own / "dog" / "4").write_bytes(b"four")


def move(own):
    (own / "cat" / "1").rename(own / "dog" / "1")


def remove(own):
    (own / "cat" / "1").unlink()


def replace(own):
    """Its length is the same as before."""
    (own / "cat" / "1").write_bytes(b"ONE")


def test_the_sum_is_that_of_names_and_contents(own, tmp_path):
    found = take_inventory(own, tmp_path / "list")
    expected = hashlib.sha256()
    for name, content in (("cat/1", b"one"), ("cat/2", b"two"), ("dog/3", b"three")):
        expected.update(name.encode() + b"\0" + hashlib.sha256(content).hexdigest().encode())
    assert (found.count, found.bytes, found.sha256) == (3, 11, expected.hexdigest())


@pytest.mark.parametrize("change", [add, move, remove, replace])
def test_a_change_is_noticed_and_gives_another_sum(own, tmp_path, change):
    before, cheap = take_inventory(own, tmp_path / "list"), state(own)
    change(own)
    assert state(own) != cheap
    assert take_inventory(own, tmp_path / "list").sha256 != before.sha256


def test_a_file_of_another_time_and_the_same_content_is_no_change(own, tmp_path):
    """Copied folders and those that were checked out anew have other times."""
    before = take_inventory(own, tmp_path / "list")
    os.utime(own / "cat" / "1", ns=(1, 1))
    assert take_inventory(own, tmp_path / "list") == before


def test_only_what_changed_is_read_again(own, tmp_path):
    """A file that cannot be read any more, with its old length and time, keeps its checksum."""
    before = take_inventory(own, tmp_path / "list")
    status = (own / "cat" / "1").stat()
    (own / "cat" / "1").write_bytes(b"ONE")
    os.utime(own / "cat" / "1", ns=(status.st_atime_ns, status.st_mtime_ns))
    (own / "cat" / "2").write_bytes(b"TWO!")
    lines = (tmp_path / "list").read_bytes()
    take_inventory(own, tmp_path / "list")
    assert (tmp_path / "list").read_bytes().splitlines()[0] == lines.splitlines()[0]
    assert take_inventory(own, tmp_path / "list").sha256 != before.sha256


def test_what_hides_is_no_change(own, tmp_path):
    before, cheap = take_inventory(own, tmp_path / "list"), state(own)
    (own / ".DS_Store").touch()
    (own / "cat" / "@eaDir").mkdir()
    assert (take_inventory(own, tmp_path / "list"), state(own)) == (before, cheap)


def test_what_the_project_writes_into_the_folder_does_not_count(own):
    before = take_inventory(own, own / CONTENTS)
    (own / "acquired.json").touch()
    (own / "train.h5").touch()
    assert take_inventory(own, own / CONTENTS) == before


def test_strange_names_are_kept(own, tmp_path):
    for name in (b"\xff\xe9 a\tb\nc", "e\u0301".encode()):
        with open(os.path.join(os.fsencode(own), name), "wb"):
            pass
    before = take_inventory(own, tmp_path / "list")
    assert before.count == 5
    lines = (tmp_path / "list").read_bytes()
    assert take_inventory(own, tmp_path / "list") == before
    assert (tmp_path / "list").read_bytes() == lines


def test_the_outline_sees_new_folders_but_not_every_file(own):
    """For published sets of millions of files: a corruption that was added is seen, at the cost of its folders."""
    before = outline(own, depth=1)
    (own / "fog" / "1").mkdir(parents=True)
    assert outline(own, depth=1) != before
    assert by_length(own).count == 3
