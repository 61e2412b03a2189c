"""Raw files from a server, a mirror, a folder, or already in place, and the messages if they are missing."""

import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import replace

import pytest

from dst_robustness.datasets import DATASETS, acquire
from dst_robustness.datasets.acquire import RECORD, acquired
from dst_robustness.datasets.spec import RemoteFile

CIFAR10 = DATASETS["cifar10"]


def md5(path) -> str:
    return "md5:" + hashlib.md5(path.read_bytes()).hexdigest()


def test_the_record_tells_what_came_from_where(site, cifar10_archive, tmp_path):
    gone = site.address("/gone/cifar-10-python.tar.gz", site.status(404))
    good = site.address("/cifar-10-python.tar.gz", site.whole(cifar10_archive.read_bytes()))
    acquire(CIFAR10, tmp_path / "raw", addresses=[gone, good], checksum=md5(cifar10_archive))
    (entry,) = json.loads((tmp_path / "raw" / RECORD).read_text())["files"]
    assert entry["address"] == good
    assert entry["bytes"] == cifar10_archive.stat().st_size
    assert entry["sha256"] == hashlib.sha256(cifar10_archive.read_bytes()).hexdigest()
    assert entry["verified"] == md5(cifar10_archive)
    assert acquired(tmp_path / "raw").files == {entry["file"]: tmp_path / "raw" / entry["file"]}


def test_an_address_that_ends_in_a_slash_is_a_folder(site, cifar10_archive, tmp_path):
    site.address("/mirror/cifar-10-python.tar.gz", site.whole(cifar10_archive.read_bytes()))
    acquire(CIFAR10, tmp_path, addresses=[site.address("/mirror/")], checksum=md5(cifar10_archive))
    assert (tmp_path / "cifar-10-python.tar.gz").is_file()


def test_a_file_in_place_needs_no_network(site, cifar10_archive, tmp_path):
    address = site.address("/cifar-10-python.tar.gz", site.status(500))
    acquire(CIFAR10, cifar10_archive.parent, addresses=[address], checksum=md5(cifar10_archive))
    assert site.requests == []


@pytest.mark.parametrize("of", ["folder", "file"])
def test_the_users_own_copy_is_read_where_it_lies(cifar10_archive, tmp_path, of):
    path = cifar10_archive if of == "file" else cifar10_archive.parent
    acquire(CIFAR10, tmp_path / "raw", path=path, checksum=md5(cifar10_archive))
    assert acquired(tmp_path / "raw").files["cifar-10-python.tar.gz"] == cifar10_archive
    assert [p.name for p in (tmp_path / "raw").iterdir()] == [RECORD]


def test_a_damaged_file_in_place_is_fetched_anew(site, cifar10_archive, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "cifar-10-python.tar.gz").write_bytes(b"half")
    address = site.address("/cifar-10-python.tar.gz", site.whole(cifar10_archive.read_bytes()))
    acquire(CIFAR10, tmp_path / "raw", addresses=[address], checksum=md5(cifar10_archive))
    assert md5(tmp_path / "raw" / "cifar-10-python.tar.gz") == md5(cifar10_archive)


def test_another_file_than_the_published_one_is_refused(site, cifar10_archive, tmp_path):
    """Addresses alone do not loosen the published checksum."""
    address = site.address("/cifar-10-python.tar.gz", site.whole(cifar10_archive.read_bytes()))
    with pytest.raises(ValueError, match=r"offers .* bytes, expected 170,498,071"):
        acquire(CIFAR10, tmp_path / "raw", addresses=[address])
    assert not (tmp_path / "raw" / RECORD).exists()


def test_a_user_without_network_reads_which_file_to_put_where(tmp_path):
    with pytest.raises(ValueError, match="could not fetch") as raised:
        acquire(CIFAR10, tmp_path / "raw", addresses=[str(tmp_path / "nowhere.tar.gz")])
    text = str(raised.value)
    assert "nowhere.tar.gz does not exist" in text
    assert "put cifar-10-python.tar.gz (170,498,071 bytes, md5:c58f30108f718f92721af3b95e74349a) into" in text
    assert str(tmp_path / "raw") in text
    assert "datasets: {cifar10: {path: FOLDER}}" in text


def test_imagenet_tells_what_to_fetch_behind_the_login(tmp_path):
    with pytest.raises(ValueError, match=r"needs ILSVRC2012_img_train\.tar") as raised:
        acquire(DATASETS["imagenet"], tmp_path / "raw")
    assert "register at https://image-net.org" in str(raised.value)
    assert "147,897,477,120 bytes, md5:1d675b47d978889d74fa0da5fadfb00e" in str(raised.value)


def test_a_given_path_is_never_replaced_by_a_download(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"looked at:\n  .*/empty/cifar-10-python\.tar\.gz does not exist"):
        acquire(CIFAR10, tmp_path / "raw", path=tmp_path / "empty")
    with pytest.raises(ValueError, match=r"path .*/nothing does not exist"):
        acquire(CIFAR10, tmp_path / "raw", path=tmp_path / "nothing")


def test_a_set_that_needs_a_folder_says_how_it_looks(tmp_path):
    with pytest.raises(ValueError, match="image_folder: there is no path; give path: FOLDER"):
        acquire(DATASETS["image_folder"], tmp_path / "raw")


def test_bundled_sets_need_nothing(tmp_path):
    acquire(DATASETS["digits"], tmp_path)
    assert acquired(tmp_path).files == {}


def test_what_changed_since_is_noticed(cifar10_archive, tmp_path):
    acquire(CIFAR10, tmp_path / "raw", path=cifar10_archive, checksum=md5(cifar10_archive))
    cifar10_archive.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"is gone or not the .* bytes acquired"):
        acquired(tmp_path / "raw")
    with pytest.raises(ValueError, match=r"acquired\.json is missing or damaged"):
        acquired(tmp_path / "nothing")


@pytest.fixture
def published(tmp_path):
    """Two archives of a corrupted set, and its spec."""
    spec = replace(
        DATASETS["imagenet_c"], files=(RemoteFile("noise.tar"), RemoteFile("blur.tar")), instructions="Fetch it;"
    )
    folder = tmp_path / "published"
    for archive, corruption in (("noise", "shot_noise"), ("blur", "zoom_blur")):
        picture = folder / corruption / "1" / "n01440764" / "ILSVRC2012_val_00000293.JPEG"
        picture.parent.mkdir(parents=True)
        picture.write_bytes(b"jpeg")
        with tarfile.open(folder / f"{archive}.tar", "w") as tar:
            tar.add(folder / corruption, corruption)
    return spec, folder


def test_a_published_corrupted_set_is_unpacked_and_found(published, tmp_path):
    from dst_robustness.datasets.corrupted import corruption_paths

    spec, folder = published
    for corruption in ("shot_noise", "zoom_blur"):
        (folder / corruption).rename(tmp_path / corruption)
    acquire(spec, tmp_path / "raw", addresses=[f"{folder}/"])
    found = corruption_paths(tmp_path / "raw")
    assert set(found) == {"shot_noise", "zoom_blur"}
    assert (found["zoom_blur"] / "1" / "n01440764" / "ILSVRC2012_val_00000293.JPEG").is_file()


def test_only_the_archives_that_are_needed_are_looked_for(published, tmp_path):
    """Some archives of ImageNet-C are enough for their corruptions."""
    from dst_robustness.datasets.corrupted import corruption_paths, files_for

    spec, folder = published
    (folder / "noise.tar").unlink()
    for corruption in ("shot_noise", "zoom_blur"):
        (folder / corruption).rename(tmp_path / corruption)
    needed = files_for(DATASETS["imagenet_c"], ["zoom_blur", "glass_blur"])
    assert needed == ("blur.tar",)
    acquire(spec, tmp_path / "raw", path=folder, files=needed)
    assert set(corruption_paths(tmp_path / "raw")) == {"zoom_blur"}
    with pytest.raises(ValueError, match=r"needs noise\.tar"):
        acquire(spec, tmp_path / "raw", path=folder)


def test_an_unpacked_corrupted_set_is_used_where_it_lies(published, tmp_path):
    from dst_robustness.datasets.corrupted import corruption_paths

    spec, folder = published
    acquire(spec, tmp_path / "raw", path=folder)
    assert corruption_paths(tmp_path / "raw")["shot_noise"] == folder / "shot_noise"


def test_a_set_of_several_files_takes_a_checksum_for_each(published, tmp_path):
    spec, folder = published
    with pytest.raises(ValueError, match=r"give checksum as a mapping from file name, for: noise\.tar, blur\.tar"):
        acquire(spec, tmp_path / "raw", addresses=[f"{folder}/"], checksum="0" * 32)
    with pytest.raises(ValueError, match=r"blur\.tar has md5"):
        acquire(spec, tmp_path / "raw", addresses=[f"{folder}/"], checksum={"blur.tar": "0" * 32})
    sums = {"blur.tar": md5(folder / "blur.tar"), "noise.tar": md5(folder / "noise.tar")}
    acquire(spec, tmp_path / "raw", addresses=[f"{folder}/noise.tar", f"{folder}/blur.tar"], checksum=sums)


def test_npy_files_of_cifar_c_are_found(tmp_path):
    from dst_robustness.datasets.corrupted import find_corruptions

    (tmp_path / "CIFAR-10-C").mkdir()
    for name in ("fog.npy", "labels.npy", "README"):
        (tmp_path / "CIFAR-10-C" / name).touch()
    assert find_corruptions(tmp_path) == {"fog": tmp_path / "CIFAR-10-C" / "fog.npy"}


BAR = DATASETS["imagenet_c_bar"]  # nobody published a checksum
FILE = "imagenet_c_bar.tar.gz"


def bar_archive(path, image: bytes):
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("imagenet_c_bar/plasma_noise/1/n01440764/x.JPEG")
        info.size = len(image)
        tar.addfile(info, io.BytesIO(image))
    return path


def image_in(raw) -> bytes:
    (path,) = acquired(raw).folder.rglob("*.JPEG")
    return path.read_bytes()


def test_what_is_unpacked_is_of_the_archive_that_the_record_names(tmp_path):
    first, second = (bar_archive(tmp_path / name, name.encode()) for name in ("first", "second"))
    for archive in (first, second, first):
        acquire(BAR, tmp_path / "raw", addresses=[str(archive)], checksum=md5(archive))
        assert image_in(tmp_path / "raw") == archive.name.encode()
    record = json.loads((tmp_path / "raw" / RECORD).read_text())
    record["files"][0]["sha256"] = "0" * 64
    (tmp_path / "raw" / RECORD).write_text(json.dumps(record))
    with pytest.raises(ValueError, match=rf"is not what {FILE} holds; acquire"):
        acquired(tmp_path / "raw")


def test_the_first_file_counts_where_nobody_published_a_checksum(tmp_path, caplog):
    """Another one is refused until the user names its checksum, with a line that the first call showed."""
    first, second = (bar_archive(tmp_path / name, name.encode()) for name in ("first", "second"))
    acquire(BAR, tmp_path / "raw", addresses=[str(first)])
    sha256 = hashlib.sha256(first.read_bytes()).hexdigest()
    assert f"To pin it: datasets: {{imagenet_c_bar: {{checksum: sha256:{sha256}}}}}" in caplog.text
    with pytest.raises(ValueError, match=rf"second has sha256 .*, expected {sha256}") as raised:
        acquire(BAR, tmp_path / "raw", addresses=[str(second)])
    assert "The checksum is that of the first file that was acquired, in " in str(raised.value)
    shutil.rmtree(tmp_path / "raw" / "unpacked")
    (tmp_path / "raw" / FILE).unlink()
    with pytest.raises(ValueError, match=f"expected {sha256}"):
        acquire(BAR, tmp_path / "raw", addresses=[str(second)])
    acquire(BAR, tmp_path / "raw", addresses=[str(second)], checksum=md5(second))
    assert image_in(tmp_path / "raw") == b"second"
    acquire(BAR, tmp_path / "raw", addresses=[str(first)])
    assert image_in(tmp_path / "raw") == b"first"


def test_a_bad_archive_is_thrown_away_and_the_next_address_taken(tmp_path):
    """Without a checksum only unpacking shows it. Nothing of a bad archive is left to disturb the next call."""
    good = bar_archive(tmp_path / "good", b"image" * 100)
    half, page = tmp_path / "half", tmp_path / "page"
    half.write_bytes(good.read_bytes()[:-20])
    page.write_bytes(b'{"error": "quota exceeded"}')
    for bad in (half, page):
        with pytest.raises(ValueError, match=rf"{bad.name} cannot be unpacked"):
            acquire(BAR, tmp_path / "raw", addresses=[str(bad)])
        assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]
    acquire(BAR, tmp_path / "raw", addresses=[str(half), str(page), str(good)])
    assert image_in(tmp_path / "raw") == b"image" * 100


def test_a_bad_archive_that_is_in_place_is_fetched_anew_or_named(tmp_path):
    good = bar_archive(tmp_path / "good", b"image")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / FILE).write_bytes(good.read_bytes()[:-20])
    with pytest.raises(ValueError, match=rf"raw/{FILE} cannot be unpacked: .*end-of-stream"):
        acquire(BAR, tmp_path / "raw", addresses=[str(tmp_path / "nothing")])
    acquire(BAR, tmp_path / "raw", addresses=[str(good)])
    assert image_in(tmp_path / "raw") == b"image"


def test_the_users_own_archive_is_never_touched(tmp_path):
    mine = bar_archive(tmp_path / "mine.tar.gz", b"image")
    mine.write_bytes(mine.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"mine\.tar\.gz cannot be unpacked"):
        acquire(BAR, tmp_path / "raw", path=mine)
    assert mine.is_file()


def test_the_record_holds_no_secret(site, tmp_path):
    archive = bar_archive(tmp_path / "x", b"image")
    site.address(f"/{FILE}?token=T0KEN", site.whole(archive.read_bytes()))
    address = f"http://me:s3cret@127.0.0.1:{site.port}/{FILE}?token=T0KEN"
    acquire(BAR, tmp_path / "raw", addresses=[address])
    text = "".join(path.read_text("latin1") for path in (tmp_path / "raw").iterdir() if path.is_file())
    assert "T0KEN" not in text
    assert "s3cret" not in text
    assert f"http://***@127.0.0.1:{site.port}/{FILE}?***" in text
    acquire(BAR, tmp_path / "raw", addresses=[address])
    assert len(site.requests) == 1
