"""From folders and archives of videos to HDF5: UCF101 in its exact layout, HMDB51, Kinetics, and what may go wrong."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")
from dst_robustness.datasets import DATASETS, acquire, prepare  # noqa: E402
from dst_robustness.datasets.decoding import reader  # noqa: E402
from dst_robustness.datasets.rar import unpack  # noqa: E402
from dst_robustness.sets import conversion  # noqa: E402
from dst_robustness.sets.storage import Samples, open_hdf5  # noqa: E402

CLASSES = ("ApplyEyeMakeup", "Archery", "YoYo")


def write_avi(path: Path, shade: int, *, frames: int = 20) -> None:
    """Write a clip as UCF101 has them: MPEG-4 in AVI, 320x240, 25 frames a second, one shade of grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), shade, np.uint8), format="rgb24")
        for _ in range(frames):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def miniature(root: Path, *, groups: int = 4) -> Path:
    """Write a UCF101 of three classes: groups 1-2 test in list 1, the others train; the shade tells class and group."""
    train, test = [], []
    for label, name in enumerate(CLASSES):
        for group in range(1, groups + 1):
            video = f"{name}/v_{name}_g{group:02d}_c01.avi"
            write_avi(root / "UCF-101" / video, 40 * (label + 1) + 5 * group)
            if group <= 2:
                test.append(video)
            else:
                train.append(f"{video} {label + 1}")
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("".join(f"{i + 1} {name}\r\n" for i, name in enumerate(CLASSES)))
    (lists / "trainlist01.txt").write_text("\n".join(train) + "\n")
    (lists / "testlist01.txt").write_text("\n".join(test) + "\n")
    # The second division: train and test change places, to tell the two apart.
    (lists / "trainlist02.txt").write_text("".join(f"{v} {CLASSES.index(v.split('/')[0]) + 1}\n" for v in test))
    (lists / "testlist02.txt").write_text("".join(f"{line.split()[0]}\n" for line in train))
    return root


def spec(name: str = "ucf101", **options: object):
    return replace(DATASETS[name], frames=4, image_size=112, **options)


def prepared(data: object, folder: Path, **options: object) -> dict[str, Path]:
    outputs = {split: folder / f"{split}.h5" for split in ("train", "validation", "test")}
    prepare(data, folder / "raw", outputs, threads=2, **{"validation_fraction": 0.34} | options)
    return outputs


def shades(path: Path) -> list[int]:
    """Return the mean grey of each clip."""
    with open_hdf5(path) as file:
        clips = Samples(file)
        return [round(float(clip.mean())) for clip in clips[0 : len(clips)]]


def test_unpacked_ucf101_is_prepared_by_the_official_list(tmp_path: Path) -> None:
    """Labels, order and shapes: train frames of side 128 as JPEG, test frames of 112, each clip of its own class."""
    root = miniature(tmp_path / "mine")
    data = spec()
    acquire(data, tmp_path / "raw", path=root)
    outputs = prepared(data, tmp_path)
    with open_hdf5(outputs["test"]) as file:
        clips = Samples(file)
        assert clips.sample_shape == (4, 112, 112, 3)
        assert clips.is_jpeg
        assert clips.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert file.attrs["classes"] == '["ApplyEyeMakeup", "Archery", "YoYo"]'
        assert file.attrs["reader"] == reader()
    np.testing.assert_allclose(shades(outputs["test"]), [45, 50, 85, 90, 125, 130], atol=2)
    with open_hdf5(outputs["train"]) as file:
        assert Samples(file).sample_shape == (4, 128, 128, 3)
    both = sorted(shades(outputs["train"]) + shades(outputs["validation"]))
    np.testing.assert_allclose(both, [55, 60, 95, 100, 135, 140], atol=2)
    assert not list(tmp_path.glob("*.parts"))


def test_second_division_takes_the_second_lists(tmp_path: Path) -> None:
    """``official_split`` chooses the lists."""
    data = spec(official_split=2)
    acquire(data, tmp_path / "raw", path=miniature(tmp_path / "mine"))
    np.testing.assert_allclose(shades(prepared(data, tmp_path)["test"]), [55, 60, 95, 100, 135, 140], atol=2)


def vint(number: int) -> bytes:
    groups = [number >> shift & 127 for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes(group | 128 for group in groups[:-1]) + bytes(groups[-1:])


def rar_block(header: bytes, data: bytes = b"") -> bytes:
    sized = vint(len(header)) + header
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def write_rar(path: Path, root: Path) -> None:
    """Write a RAR 5 archive, members stored as they are (https://www.rarlab.com/technote.htm)."""
    blocks = [b"Rar!\x1a\x07\x01\x00", rar_block(bytes([1, 0, 0]))]
    for file in sorted(file for file in root.rglob("*") if file.is_file()):
        data, name = file.read_bytes(), str(file.relative_to(root)).encode()
        facts = vint(4) + vint(len(data)) + vint(0o100644) + struct.pack("<I", zlib.crc32(data))
        blocks.append(rar_block(bytes([2, 2]) + vint(len(data)) + facts + bytes([0, 1]) + vint(len(name)) + name, data))
    path.write_bytes(b"".join([*blocks, rar_block(bytes([5, 0, 0]))]))


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar is not installed")
def test_ucf101_comes_out_of_a_rar_archive(tmp_path: Path) -> None:
    """The official form, a RAR of videos and a zip of lists."""
    root = miniature(tmp_path / "mine", groups=4)
    shutil.make_archive(
        str(tmp_path / "raw" / "UCF101TrainTestSplits-RecognitionTask"), "zip", root, "ucfTrainTestlist"
    )
    shutil.rmtree(root / "ucfTrainTestlist")
    write_rar(tmp_path / "raw" / "UCF101.rar", root)
    data = spec()
    acquire(data, tmp_path / "raw")
    np.testing.assert_allclose(shades(prepared(data, tmp_path)["test"]), [45, 50, 85, 90, 125, 130], atol=2)


def test_zip_under_the_name_of_the_rar_is_recognised(tmp_path: Path) -> None:
    """The mirror holds a zip: content decides, not the name."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path / "in")
    (tmp_path / "x.zip").rename(tmp_path / "UCF101.rar")
    unpack(tmp_path / "UCF101.rar", tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_text() == "a"


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar is not installed")
def test_seven_zip_is_read_and_links_are_refused(tmp_path: Path) -> None:
    """Everything that libarchive reads is unpacked, except paths that leave the folder."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    subprocess.run(["bsdtar", "-caf", str(tmp_path / "good.7z"), "-C", str(tmp_path / "in"), "."], check=True)
    unpack(tmp_path / "good.7z", tmp_path / "good")
    assert (tmp_path / "good" / "a.txt").read_text() == "a"
    (tmp_path / "in" / "link").symlink_to("/etc")
    subprocess.run(["bsdtar", "-caf", str(tmp_path / "bad.7z"), "-C", str(tmp_path / "in"), "."], check=True)
    with pytest.raises(ValueError, match=r"bad\.7z holds 'link'"):
        unpack(tmp_path / "bad.7z", tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bsdtar the user learns what to install; a damaged archive is named."""
    path = tmp_path / "UCF101.rar"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a" * 1000)
    write_rar(path, tmp_path / "in")
    for damaged in (path.read_bytes()[:500], path.read_bytes()[:8] + b"and nothing else"):
        path.write_bytes(damaged)
        if shutil.which("bsdtar"):
            with pytest.raises(ValueError, match=r"UCF101\.rar (cannot be unpacked|holds no file)"):
                unpack(path, tmp_path / "out")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"libarchive-tools.*unar"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_list_that_names_a_missing_video_is_one_line(tmp_path: Path) -> None:
    """If a listed video is missing, an error names list, video and folder before anything is decoded."""
    root = miniature(tmp_path / "mine", groups=3)
    (root / "UCF-101" / "YoYo" / "v_YoYo_g02_c01.avi").unlink()
    data = spec()
    acquire(data, tmp_path / "raw", path=root)
    with pytest.raises(ValueError, match=r"testlist01\.txt names 1 videos.*YoYo/v_YoYo_g02_c01\.avi"):
        prepared(data, tmp_path)


def test_damaged_videos_are_left_out_counted_and_limited(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One bad file is reported and the rest prepared; more than the limit is an error."""
    root = miniature(tmp_path / "mine")
    (root / "UCF-101" / "Archery" / "v_Archery_g01_c01.avi").write_text("not a video")
    data = spec(damaged_limit=1)
    acquire(data, tmp_path / "raw", path=root)
    outputs = prepared(data, tmp_path)
    assert "v_Archery_g01_c01.avi" in caplog.text
    with open_hdf5(outputs["test"]) as file:
        assert file["labels"][:].tolist() == [0, 0, 1, 2, 2]
        assert file["index"][:].tolist() == [0, 1, 3, 4, 5]
        assert "v_Archery_g01_c01.avi" in file.attrs["damaged"]
    with pytest.raises(ValueError, match=r"1 of test cannot be read, more than damaged_limit = 0.*\n.*Archery_g01_c01"):
        prepared(replace(data, damaged_limit=0), tmp_path)


def test_several_clips_of_a_test_video_stay_together(tmp_path: Path) -> None:
    """Three clips a video share its label and its row, a damaged video loses all of them, and train keeps one."""
    root = miniature(tmp_path / "mine")
    (root / "UCF-101" / "Archery" / "v_Archery_g01_c01.avi").write_text("not a video")
    data = spec(test_clips=3)
    acquire(data, tmp_path / "raw", path=root)
    outputs = prepared(data, tmp_path)
    with open_hdf5(outputs["test"]) as file:
        assert file.attrs["clips_per_video"] == 3
        assert file["labels"][:].tolist() == [0] * 6 + [1] * 3 + [2] * 6
        assert file["index"][:].tolist() == [row for row in (0, 1, 3, 4, 5) for _ in range(3)]
        assert Samples(file).sample_shape == (4, 112, 112, 3)
    expected = [shade for shade in (45, 50, 90, 125, 130) for _ in range(3)]
    np.testing.assert_allclose(shades(outputs["test"]), expected, atol=2)
    with open_hdf5(outputs["train"]) as train, open_hdf5(outputs["validation"]) as validation:
        assert len(train["labels"]) + len(validation["labels"]) == 6
        assert "clips_per_video" not in train.attrs


def test_stopped_preparation_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards that are done are not decoded again, and the result is the one of an undisturbed run."""
    data = spec()
    acquire(data, tmp_path / "raw", path=miniature(tmp_path / "mine"))
    monkeypatch.setattr(conversion, "SHARD_BYTES", 2 * 4 * 128 * 128 * 3)  # two clips
    whole = {name: shades(path) for name, path in prepared(data, tmp_path).items()}
    run, count = conversion.ReadingProcesses.run, []

    def run_three(processes: object, call: object, time_limit: float) -> np.ndarray:
        count.append(call)
        if len(count) > 3 and len(count) < 100:
            raise KeyboardInterrupt
        return run(processes, call, time_limit)

    monkeypatch.setattr(conversion.ReadingProcesses, "run", run_three)
    with pytest.raises(KeyboardInterrupt):
        prepared(data, tmp_path)
    assert list((tmp_path / "train.h5.parts").glob("00000.h5"))
    count[:] = [None] * 100
    assert {name: shades(path) for name, path in prepared(data, tmp_path).items()} == whole
    assert len(count) - 100 == 12 - 2


def test_kinetics_and_hmdb51_layouts(tmp_path: Path) -> None:
    """The same code reads ``train/class/video`` beside ``val``, and HMDB51's list a class."""
    for split, group in (("train", 0), ("train", 1), ("val", 2)):
        for label, name in enumerate(("brush_hair", "cartwheel")):
            write_avi(tmp_path / "kinetics" / split / name / f"{group}.avi", 60 * label + 20 * group + 40, frames=5)
    data = spec("video_folder")
    acquire(data, tmp_path / "k" / "raw", path=tmp_path / "kinetics")
    outputs = prepared(data, tmp_path / "k", validation_fraction=0.5)
    np.testing.assert_allclose(shades(outputs["test"]), [80, 140], atol=2)

    root = tmp_path / "hmdb"
    for label, name in enumerate(("brush_hair", "cartwheel")):
        for group in range(4):
            write_avi(root / "hmdb51_org" / name / f"{group}.avi", 60 * label + 10 * group + 40, frames=5)
        (root / "lists").mkdir(exist_ok=True)
        (root / "lists" / f"{name}_test_split1.txt").write_text("0.avi 1 \n1.avi 2 \n2.avi 0 \n3.avi 1 \n")
    data = spec("hmdb51")
    acquire(data, tmp_path / "h" / "raw", path=root)
    outputs = prepared(data, tmp_path / "h", validation_fraction=0.5)
    np.testing.assert_allclose(shades(outputs["test"]), [50, 110], atol=2)
    assert len(shades(outputs["train"]) + shades(outputs["validation"])) == 4
