"""Archives that try to leave their folder, fill the disk or pretend to be whole."""

import bz2
import gzip
import io
import lzma
import os
import random
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from dst_robustness.datasets import archives
from dst_robustness.datasets.archives import extract, read_members, stem, tar_index
from dst_robustness.datasets.damage import MissingProgramError
from dst_robustness.datasets.space import NoSpaceError


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
    (tmp_path / "out" / "mark").touch()
    extract(tmp_path / "a.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "mark").exists()


def test_a_folder_is_bound_to_the_archive_that_it_came_from(tmp_path):
    """Another archive replaces what the first one held; what nobody knows is left to the user."""
    extract(write_tar(tmp_path / "a", {"first": b"1"}), tmp_path / "out")
    extract(write_tar(tmp_path / "a", {"second": b"2"}), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]
    (tmp_path / "a").write_bytes(b"half")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        extract(tmp_path / "a", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="mine is there, and not known to come from"):
        extract(write_tar(tmp_path / "a", {"third": b"3"}), tmp_path / "mine")


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
    with pytest.raises(ValueError, match=r"cut off inside 'one'|unexpected end"):
        tar_index(archive)


def test_stem_drops_every_archive_ending():
    names = ["a.tar", "a.tar.gz", "a.tgz", "a.zip", "a.TAR.XZ", "a"]
    assert {stem(name) for name in names} == {"a"}


def vint(number):
    groups = [number >> shift & 127 for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes(group | 128 for group in groups[:-1]) + bytes(groups[-1:])


def rar_5(members, *, main=0, end=0):
    """A RAR 5 archive that stores its members as they are."""

    def block(header, data=b""):
        sized = vint(len(header)) + header
        return struct.pack("<I", zlib.crc32(sized)) + sized + data

    blocks = [b"Rar!\x1a\x07\x01\0", block(bytes([1, 0, main]))]
    for name, data in members.items():
        facts = vint(4) + vint(len(data)) + vint(0o106777) + struct.pack("<I", zlib.crc32(data)) + bytes([0, 1])
        blocks.append(block(bytes([2, 2]) + vint(len(data)) + facts + vint(len(name)) + name.encode(), data))
    return b"".join([*blocks, block(bytes([5, 0, end]))])


def rar_4(members, *, main=0):
    """A RAR 4 archive that stores its members as they are."""

    def block(kind, flags, rest, data=b""):
        header = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
        return struct.pack("<H", zlib.crc32(header) & 0xFFFF) + header + data

    blocks = [b"Rar!\x1a\x07\0", block(0x73, main, bytes(6))]
    for name, data in members.items():
        sizes = struct.pack("<IIBIIBBHI", len(data), len(data), 3, zlib.crc32(data), 0, 20, 0x30, len(name), 0o106777)
        blocks.append(block(0x74, 0x8000, sizes + name.encode(), data))
    return b"".join([*blocks, block(0x7B, 0x4000, b"")])


def tar(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def seven_zip(members):
    if shutil.which("bsdtar") is None:
        pytest.skip("bsdtar is not installed")
    command = ["bsdtar", "-cf", "-", "--format=7zip", "@-"]
    padded = subprocess.run(command, input=tar(members), capture_output=True, check=True).stdout
    return padded[: 32 + sum(struct.unpack("<QQ", padded[12:28]))]


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


FORMATS = {
    "tar": tar,
    "tar.gz": lambda members: gzip.compress(tar(members)),
    "tar.bz2": lambda members: bz2.compress(tar(members)),
    "tar.xz": lambda members: lzma.compress(tar(members)),
    "zip": zipped,
    "rar4": rar_4,
    "rar5": rar_5,
    "7z": seven_zip,
}
MEMBERS = {f"d/{i}.bin": random.Random(i).randbytes(700) for i in range(4)}
EVERY_FORMAT = pytest.mark.parametrize("kind", FORMATS)


def made(kind, members=MEMBERS):
    if "rar" in kind and shutil.which("bsdtar") is None:
        pytest.skip("bsdtar is not installed")
    return FORMATS[kind](members)


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outcome(data, tmp_path):
    """Return what is unpacked, or None if it is refused, which leaves nothing."""
    (tmp_path / "a").write_bytes(data)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    try:
        extract(tmp_path / "a", tmp_path / "out")
    except ValueError as error:
        told = str(error)
    else:
        return content(tmp_path / "out")
    assert str(tmp_path / "a") in told
    assert "\n" not in told
    assert not [path for path in tmp_path.iterdir() if path.name in ("out", ".out.partial")]
    return None


@EVERY_FORMAT
def test_every_format_is_unpacked_into_plain_files(kind, tmp_path):
    """No setuid bit and no other owner comes along."""
    assert outcome(made(kind), tmp_path) == MEMBERS
    for path in (tmp_path / "out").rglob("*"):
        assert path.stat().st_mode & 0o7002 == 0
        assert path.stat().st_uid == os.getuid()


@EVERY_FORMAT
def test_an_archive_that_is_cut_off_is_refused_wherever_it_is_cut(kind, tmp_path):
    """This also holds for a cut between two members, which programs mistake for the end, and inside the padding."""
    data = made(kind)
    for end in random.Random(0).sample(range(1, len(data)), 10):
        assert outcome(data[:end], tmp_path) in (None, MEMBERS), end
        assert outcome(data[:end] + bytes(max(0, len(data) - end)), tmp_path) in (None, MEMBERS) or kind == "tar", end
    assert outcome(data[:2560], tmp_path) is None


@EVERY_FORMAT
def test_one_bit_is_noticed_where_the_format_has_a_sum(kind, tmp_path):
    """A plain tar has none but those of its headers."""
    data = made(kind)
    for place in random.Random(0).sample(range(len(data)), 20):
        damaged = bytearray(data)
        damaged[place] ^= 1
        assert outcome(damaged, tmp_path) in (None, MEMBERS) or kind == "tar", place


@EVERY_FORMAT
def test_two_archives_in_one_file_are_not_taken_for_the_first_or_the_last(kind, tmp_path):
    assert outcome(made(kind) + made(kind, {"more": b"1"}), tmp_path) is None


@pytest.mark.parametrize("volume", [rar_5(MEMBERS, main=1), rar_4(MEMBERS, main=1), rar_4(MEMBERS, main=0x80)])
def test_one_volume_of_several_and_encrypted_headers_are_refused(volume, tmp_path):
    assert outcome(volume, tmp_path) is None


def test_a_hole_in_a_tar_is_not_its_end(tmp_path):
    """A damaged header, zeros from some member on, or no end mark: programs take each of them for the end."""
    data = tar({f"{i:02d}": bytes([i + 1]) * 1000 for i in range(20)})
    for damaged in (
        data[:15_360] + b"\xff" + data[15_361:],
        data[:15_360] + bytes(len(data) - 15_360),
        data[:15_360],
        data[: 20 * 1536],
    ):
        assert outcome(damaged, tmp_path) is None
        with pytest.raises(ValueError, match="cannot be unpacked"):
            tar_index(tmp_path / "a")


@pytest.mark.parametrize("first_zero", [19 * 1536, 15 * 1536, 17 * 1536, 19 * 1536 + 900])
def test_a_tar_whose_end_became_zeros_is_no_shorter_tar(tmp_path, first_zero):
    """The zeros may be as short as the last file or half of an image: shorter than the padding that programs add."""
    data = tar({f"{i:02d}": b"\xff\xd8" + bytes([i + 1]) * 998 for i in range(20)})
    damaged = data[:first_zero] + bytes(len(data) - first_zero)
    assert outcome(damaged, tmp_path) is None
    with pytest.raises(ValueError, match="cannot be unpacked"):
        tar_index(tmp_path / "a")


@pytest.mark.parametrize("end", [512, 1024])
def test_a_tar_may_end_without_padding(tmp_path, end):
    """bsdtar, Go and 7-Zip write such files. The end of a file that is not an image may be zeros."""
    data = tar({"a": b"a" * 1000, "labels.npy": b"\x93NUMPY" + bytes(700)})[: 2 * 1536 + end]
    assert outcome(data, tmp_path) == {"a": b"a" * 1000, "labels.npy": b"\x93NUMPY" + bytes(700)}
    assert list(tar_index(tmp_path / "a")) == ["a", "labels.npy"]


def header(name, size, kind):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(header("x", 1 << 30, tarfile.XHDTYPE) + bytes(1 << 26), 1),
        gzip.compress(header("x", 1 << 30, tarfile.GNUTYPE_LONGNAME) + bytes(1 << 26), 1),
        gzip.compress(header("x", 0, tarfile.GNUTYPE_SPARSE)),
        header("x", 44, tarfile.XHDTYPE)
        + b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n".ljust(512, b"\0")
        + header("x", 512, b"0")
        + b"9\n" * 256,
        header("x", 512, tarfile.GNUTYPE_LONGNAME).ljust(1024, b"y") * 5000,
        gzip.compress(header("x", 1 << 40, tarfile.REGTYPE)),
    ],
    ids=["pax", "long name", "sparse", "sparse 1.0", "nested", "long file"],
)
def test_headers_do_not_fill_the_memory(data, tmp_path):
    assert outcome(data, tmp_path) is None
    with pytest.raises(ValueError, match=r"cannot be unpacked|too large to be true"):
        read_members(tmp_path / "a", ["x"])


@WRITERS
@pytest.mark.parametrize(
    "name", ["a\nb", "a\x1b[2J", "a\x7f", "\u2028", "x" * 256, "d/" * 33 + "f", "0123456789/" * 100 + "f", ".", "a/.."]
)
def test_names_that_no_data_set_has_are_refused(write, name, tmp_path):
    assert outcome(write(tmp_path / "x", {"good": b"1", name: b"2"}).read_bytes(), tmp_path) is None


def test_a_name_behind_a_zero_byte_is_not_cut(tmp_path):
    data = zipped({"good.txt": b"1", "a_b.txt": b"2"}).replace(b"a_b.txt", b"a\0b.txt")
    assert outcome(data, tmp_path) is None


@WRITERS
def test_a_name_that_comes_twice_is_refused(write, tmp_path):
    data = write(tmp_path / "x", {"a": b"1", "./a": b"2"}).read_bytes()
    assert outcome(data, tmp_path) is None
    assert outcome(write(tmp_path / "x", {"a": b"1", "a/b": b"2"}).read_bytes(), tmp_path) is None


def test_more_files_than_a_data_set_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    refused(write_tar(tmp_path / "a", MEMBERS), tmp_path, "unpacks to more than 3 files and folders")


def test_an_archive_without_a_file_is_damaged(tmp_path):
    assert outcome(bytes(10_240), tmp_path) is None
    assert outcome(zipped({}), tmp_path) is None


def test_lists_that_name_files_of_this_machine_are_not_read(tmp_path):
    """libarchive would put those files into the archive."""
    (tmp_path / "secret").write_text("secret")
    mtree = f"#mtree\nstolen type=file size=6 contents={tmp_path}/secret\n".encode()
    assert outcome(mtree, tmp_path) is None


def test_a_missing_program_is_no_damage(tmp_path, monkeypatch):
    """The archive may be right: it is not thrown away."""
    (tmp_path / "a").write_bytes(rar_5(MEMBERS))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingProgramError, match=r"install bsdtar \(package libarchive-tools"):
        extract(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_room_is_looked_for_before_anything_is_written(kind, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(made(kind))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(NoSpaceError, match="where 1,000 are free"):
        extract(tmp_path / "a", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
