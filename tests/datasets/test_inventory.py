"""Noticing that a folder changed, and saying so."""

import hashlib
import os

import pytest

from dst_robustness.datasets.inventory import check_unchanged, state, take_inventory


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
    """As long as before."""
    (own / "cat" / "1").write_bytes(b"ONE")


def test_the_sum_is_that_of_names_and_contents(own, tmp_path):
    found = take_inventory(own, tmp_path / "list")
    expected = hashlib.sha256()
    for name, content in (("cat/1", b"one"), ("cat/2", b"two"), ("dog/3", b"three")):
        expected.update(name.encode() + b"\0" + hashlib.sha256(content).hexdigest().encode())
    assert (found.count, found.bytes, found.contents_sha256) == (3, 11, expected.hexdigest())
    check_unchanged(own, tmp_path / "list")


@pytest.mark.parametrize("change", [add, move, remove, replace])
def test_a_change_is_noticed_and_gives_another_sum(own, tmp_path, change):
    before, cheap = take_inventory(own, tmp_path / "list"), state(own)
    change(own)
    assert state(own) != cheap
    with pytest.raises(ValueError, match=r"own has changed since it was acquired: 1 files are .*; acquire"):
        check_unchanged(own, tmp_path / "list")
    assert take_inventory(own, tmp_path / "list").contents_sha256 != before.contents_sha256
    check_unchanged(own, tmp_path / "list")


def test_a_file_of_another_time_and_the_same_content_is_no_change(own, tmp_path):
    """Copied folders and those that were checked out anew have other times."""
    before = take_inventory(own, tmp_path / "list")
    os.utime(own / "cat" / "1", ns=(1, 1))
    assert take_inventory(own, tmp_path / "list") == before
    check_unchanged(own, tmp_path / "list")


def test_only_what_changed_is_read_again(own, tmp_path):
    """What cannot be read any more and has its old length and time keeps its sum."""
    before = take_inventory(own, tmp_path / "list")
    status = (own / "cat" / "1").stat()
    (own / "cat" / "1").write_bytes(b"ONE")
    os.utime(own / "cat" / "1", ns=(status.st_atime_ns, status.st_mtime_ns))
    (own / "cat" / "2").write_bytes(b"TWO!")
    lines = (tmp_path / "list").read_bytes()
    take_inventory(own, tmp_path / "list")
    assert (tmp_path / "list").read_bytes().splitlines()[0] == lines.splitlines()[0]
    assert take_inventory(own, tmp_path / "list").contents_sha256 != before.contents_sha256


def test_what_hides_is_no_change(own, tmp_path):
    take_inventory(own, tmp_path / "list")
    (own / ".DS_Store").touch()
    (own / "cat" / "@eaDir").mkdir()
    check_unchanged(own, tmp_path / "list")


def test_records_in_the_folder_itself_do_not_count(own):
    take_inventory(own, own / "contents.tsv")
    (own / "acquired.json").touch()
    check_unchanged(own, own / "contents.tsv")


def test_strange_names_are_kept(own, tmp_path):
    for name in (b"\xff\xe9 a\tb\nc", "e\u0301".encode()):
        with open(os.path.join(os.fsencode(own), name), "wb"):
            pass
    assert take_inventory(own, tmp_path / "list").count == 5
    check_unchanged(own, tmp_path / "list")
