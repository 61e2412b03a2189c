"""Archives that try to leave their folder, fill the disk or pretend to be whole."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from dst_robustness.datasets.archives import extract, read_members, stem, tar_index


def write_tar(path: Path, members: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return path


def write_zip(path: Path, members: dict[str, bytes], mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


WRITERS = pytest.mark.parametrize("write", [write_tar, write_zip])


def refused(archive: Path, tmp_path: Path, match: str, **options: int) -> None:
    """The archive is refused, and nothing is left of it, inside the folder or outside."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=match):
        extract(archive, tmp_path / "deep" / "out", **options)
    assert [path for path in sorted(tmp_path.rglob("*")) if path != tmp_path / "deep"] == before


@WRITERS
def test_files_and_folders_are_unpacked(write, tmp_path):
    archive = write(tmp_path / "a", {"set/a/1.txt": b"one", "./set/2.txt": b"two"})
    extract(archive, tmp_path / "out")
    assert (tmp_path / "out/set/a/1.txt").read_bytes() == b"one"
    assert (tmp_path / "out/set/2.txt").read_bytes() == b"two"


@WRITERS
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "C:\\evil", "..\\evil"])
def test_members_that_leave_the_folder_are_refused(write, name, tmp_path):
    refused(write(tmp_path / "a", {"good": b"1", name: b"evil"}), tmp_path, "leaves the folder")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind, tmp_path):
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "../../etc/passwd"
    refused(write_tar(tmp_path / "a.tar.gz", {"good": b"1"}, member), tmp_path, "'link', a link or device")


def test_a_link_in_a_zip_is_refused(tmp_path):
    refused(
        write_zip(tmp_path / "a.zip", {"link": b"/etc/passwd"}, mode=0o120777), tmp_path, "'link', a link or device"
    )


@WRITERS
def test_a_bomb_is_stopped(write, tmp_path):
    """50 MB of zeros in a few kB: far more than 200 times."""
    archive = write(tmp_path / "a", {"zeros": bytes(50_000_000)})
    assert archive.stat().st_size < 100_000
    refused(archive, tmp_path, "unpacks to more than")
    extract(archive, tmp_path / "out", max_bytes=50_000_000)


@WRITERS
def test_a_truncated_archive_is_refused(write, tmp_path):
    archive = write(tmp_path / "a", {"one": bytes(range(256)) * 500, "two": b"2" * 1000})
    archive.write_bytes(archive.read_bytes()[:-300])
    refused(archive, tmp_path, "cannot be unpacked")


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"<html>")
    refused(tmp_path / "a.tar", tmp_path, "cannot be unpacked")


def test_the_rest_of_a_killed_run_is_replaced_and_a_finished_folder_kept(tmp_path):
    archive = write_tar(tmp_path / "a.tar.gz", {"new": b"1"})
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "old").touch()
    extract(archive, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    extract(tmp_path / "a.tar.gz", tmp_path / "out")


def test_members_are_read_without_unpacking(tmp_path):
    archive = write_tar(tmp_path / "a.tar.gz", {"x": b"1", "y": b"22", "z": b"333"})
    assert read_members(archive, ["z", "x"]) == {"z": b"333", "x": b"1"}
    with pytest.raises(ValueError, match=r"a\.tar\.gz does not hold 'w'"):
        read_members(archive, ["x", "w"])
    with pytest.raises(ValueError, match="'z' of 3 bytes, too large"):
        read_members(archive, ["z"], max_bytes=2)


def test_a_tar_inside_a_tar_is_indexed_in_place(tmp_path):
    inner = write_tar(tmp_path / "inner.tar", {"one": b"first", "two": b"second"}, mode="w").read_bytes()
    outer = write_tar(tmp_path / "outer.tar", {"a.tar": inner, "b": b"after"}, mode="w")
    start, length = tar_index(outer)["a.tar"]
    places = tar_index(outer, start=start, stop=start + length)
    content = outer.read_bytes()
    assert {name: content[first : first + size] for name, (first, size) in places.items()} == {
        "one": b"first",
        "two": b"second",
    }


def test_a_tar_that_is_cut_off_is_refused(tmp_path):
    archive = write_tar(tmp_path / "a.tar", {"one": b"1" * 5000}, mode="w")
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"cut off inside 'one'|is damaged"):
        tar_index(archive)


def test_stem_drops_every_archive_ending():
    names = ["a.tar", "a.tar.gz", "a.tgz", "a.zip", "a.TAR.XZ", "a"]
    assert {stem(name) for name in names} == {"a"}
