"""Which files in a folder count, and how links are followed."""

import os

import pytest

from dst_robustness.datasets.walk import files_below, files_in, folders_in, is_hidden, shown, walk

HIDDEN = [
    ".ipynb_checkpoints",
    ".AppleDouble",
    ".DS_Store",
    "._cat.png",
    ".thumbnails",
    ".git",
    ".snakemake",
    ".Trash-1000",
    ".nfs000000",
    ".~lock.a.csv#",
    ".@__thumb",
    "@eaDir",
    "@Recycle",
    "#recycle",
    "#snapshot",
    "__MACOSX",
    "lost+found",
    "$RECYCLE.BIN",
    "Thumbs.db",
    "THUMBS.DB",
    "desktop.ini",
    "~$a.xlsx",
    "a.png.part",
    "a.png.crdownload",
    "a.png.aria2",
    "a.png~",
    "a.jpg:Zone.Identifier",
]


@pytest.mark.parametrize("name", HIDDEN)
def test_what_systems_leave_behind_hides(name):
    assert is_hidden(name)


@pytest.mark.parametrize("name", ["cat", "a.png", "n01440764", "train", "_", "@home", "#1", "part", "Thumbs", "$5"])
def test_plain_names_do_not_hide(name):
    assert not is_hidden(name)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder):
    return sorted(name for name, _ in walk(folder))


def test_nothing_below_a_hidden_folder_counts(tmp_path):
    touch(tmp_path, "cat/1.png", "cat/@eaDir/1.png/SYNOFILE_THUMB_M.png", "cat/deep/.git/2.png", "__MACOSX/cat/._1.png")
    assert names(tmp_path) == ["cat/1.png"]
    assert folders_in(tmp_path) == [tmp_path / "cat"]


def test_the_folder_itself_may_hide(tmp_path):
    """A home of caches, ``~/.cache``, is a fine place for data."""
    touch(tmp_path / ".cache", "cat/1.png")
    assert names(tmp_path / ".cache") == ["cat/1.png"]


def test_links_count_and_loops_end(tmp_path, caplog):
    """Two folders that link to each other, one that links to itself, one to its root, and a link to nothing."""
    own, store = tmp_path / "own", tmp_path / "store"
    touch(store, "1.png", "deep/2.png")
    touch(own, "a/3.png", "b/4.png")
    (own / "a" / "session").symlink_to(store)
    (own / "a" / "b").symlink_to(own / "b")
    (own / "b" / "a").symlink_to(own / "a")
    (own / "b" / "root").symlink_to(own)
    (own / "self").symlink_to(own / "self")
    (own / "a" / "gone.png").symlink_to(tmp_path / "nowhere")
    (own / "a" / "linked.png").symlink_to(store / "1.png")
    found = names(own)
    assert {"a/3.png", "b/4.png", "a/session/1.png", "a/session/deep/2.png", "a/linked.png"} <= set(found)
    assert len(found) == len(set(found))
    assert "links lead back into their own folder and are left out" in caplog.text
    assert "links lead nowhere and are left out, the first a/b/" not in caplog.text
    assert "gone.png" in caplog.text


def test_files_come_folder_by_folder_and_others_are_named_once(tmp_path, caplog):
    touch(tmp_path, "b/1.png", "a-b/2.PNG", "a/3.png", "notes.txt", "a/more.txt", "0.png")
    found = [str(path.relative_to(tmp_path)) for path in files_below(tmp_path, (".png",))]
    assert found == ["0.png", "a/3.png", "a-b/2.PNG", "b/1.png"]
    assert "2 files are left out, the first a/more.txt; read are .png" in caplog.text
    assert files_in(tmp_path, (".png",)) == [tmp_path / "0.png"]


def test_names_can_be_shown_whatever_their_bytes(tmp_path):
    assert shown(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
    assert shown("cafe\u0301") == "caf\u00e9"


def test_a_name_is_shown_on_one_line():
    """A folder's name becomes a class name, and stands in logs and tables."""
    assert shown("a\nb\x1b[2J\r") == r"a\nb\x1b[2J\r"
