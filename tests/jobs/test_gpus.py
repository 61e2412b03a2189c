"""GPUs for the life of a process: no two processes on one slot, no slot lost, whatever ends a process."""

import errno
import fcntl
import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dst_robustness.jobs import gpus

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def own_machine(tmp_path, monkeypatch) -> Path:
    """Give each test its own lock files, no installed GPU, no allocation, and quick polls; return the lock folder."""
    (tmp_path / "locks").mkdir()
    monkeypatch.setattr(gpus, "lock_folder", lambda: tmp_path / "locks")
    monkeypatch.setattr(gpus, "installed_gpus", list)
    monkeypatch.setattr(gpus, "POLL_SECONDS", 0.002)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    return tmp_path / "locks"


def hold(folder: Path, count: int, per_gpu: int, seconds: float) -> None:
    """Take GPUs and keep them for a while, with a marker for each.

    To meet another's marker is a clash, unless a note says that its process was killed.
    """
    devices = gpus.take_gpus(count, per_gpu=per_gpu)
    for device in devices:
        own, marker = folder / f"process-{os.getpid()}-{device}", folder / f"busy-{device}"
        own.write_text(str(os.getpid()))
        try:
            os.link(own, marker)
        except FileExistsError:
            if not (folder / f"killed-{marker.read_text()}").exists():
                (folder / "clash").touch()
            own.rename(marker)
    time.sleep(seconds)
    for device in devices:
        (folder / f"busy-{device}").unlink()


def test_jobs_with_random_kills_never_share_nor_lose_a_slot(tmp_path: Path) -> None:
    """Jobs of one and of two GPUs over four slots; many are killed while they wait or work."""
    choose = random.Random(0)
    jobs = []
    for _ in range(60):
        jobs.append(FORK.Process(target=hold, args=(tmp_path, choose.choice([1, 1, 2]), 1, choose.random() / 100)))
        jobs[-1].start()
        if choose.random() < 0.5:
            victim = choose.choice(jobs)
            (tmp_path / f"killed-{victim.pid}").touch()
            victim.kill()
    for job in jobs:
        job.join(timeout=60)
    assert {job.exitcode for job in jobs} == {0, -9}
    assert not (tmp_path / "clash").exists()
    freed = FORK.Process(target=gpus.take_gpus, args=(4,))
    freed.start()
    freed.join(timeout=10)
    assert freed.exitcode == 0, "a slot was lost"


def takes(queue, count: int, per_gpu: int) -> None:
    """Put into the queue what was taken; before that, None if the process has to wait."""
    gpus.print = lambda text, **_: text.startswith("waiting") and queue.put(None)
    queue.put(gpus.take_gpus(count, per_gpu=per_gpu))
    time.sleep(60)


def take_one_after_the_other(number: int, count: int, per_gpu: int = 1) -> tuple[list[list[str]], list]:
    """Start processes that take and keep; return what each took before one had to wait, and the processes."""
    queue, taken, processes = FORK.Queue(), [], []
    for _ in range(number):
        processes.append(FORK.Process(target=takes, args=(queue, count, per_gpu)))
        processes[-1].start()
        if (devices := queue.get(timeout=60)) is None:
            break
        taken.append(devices)
    return taken, processes


def end(processes: list) -> None:
    for process in processes:
        process.kill()
        process.join()


@pytest.mark.parametrize(
    ("count", "per_gpu", "expected"),
    [
        (1, 1, [["0"], ["1"]]),
        (2, 1, [["0", "1"]]),
        (1, 2, [["0"], ["1"], ["0"], ["1"]]),
        (2, 2, [["0", "1"], ["0", "1"]]),
    ],
)
def test_full_gpus_make_wait(monkeypatch, count: int, per_gpu: int, expected: list[list[str]]) -> None:
    """Two GPUs serve this many at once, empty ones first; the next waits."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    taken, processes = take_one_after_the_other(len(expected) + 1, count, per_gpu)
    end(processes)
    assert taken == expected


def test_cuda_sees_what_was_taken_and_nothing_else(monkeypatch) -> None:
    """The variable that CUDA reads holds the names as the outer one gave them; asked for nothing, it is empty."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-8a-1, GPU-77, -1, 3")
    _, processes = take_one_after_the_other(1, 1)
    code = (
        "import os, sys; from dst_robustness.jobs import gpus; gpus.lock_folder = lambda: __import__('pathlib').Path("
        "sys.argv[1]); gpus.installed_gpus = list; gpus.take_gpus(int(sys.argv[2])); "
        "print(os.environ['CUDA_VISIBLE_DEVICES'], 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(gpus.lock_folder())]
    seen = [subprocess.run([*command, count], capture_output=True, text=True).stdout.splitlines() for count in "10"]
    end(processes)
    assert seen == [
        ["computing on GPU GPU-77 out of MIG-8a-1, GPU-77", "GPU-77 False"],
        ["computing on GPU none out of MIG-8a-1, GPU-77", " False"],
    ]


def test_a_machine_without_gpus_needs_no_lock(monkeypatch, own_machine: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpus.take_gpus(1) == []
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not list(own_machine.iterdir())


def test_more_than_there_are_is_an_error(monkeypatch) -> None:
    """Waiting would never end."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    with pytest.raises(ValueError, match="2 GPUs are needed, but only 5 is visible; lower gpus_per_run"):
        gpus.take_gpus(2)


def test_index_and_uuid_of_one_gpu_share_a_lock(monkeypatch) -> None:
    """One study that names GPUs by number and one that names them by UUID keep out of each other's way."""
    monkeypatch.setattr(gpus, "installed_gpus", lambda: ["GPU-aa11", "GPU-bb22"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    _, processes = take_one_after_the_other(1, 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bb,GPU-aa")
    taken, more = take_one_after_the_other(2, 1)
    end(processes + more)
    assert taken == [["GPU-aa"]]


LISTING = """\
GPU 0: NVIDIA A100 (UUID: GPU-5c89852c-d268)
  MIG 3g.20gb     Device  0: (UUID: MIG-aaaa-1)
  MIG 3g.20gb     Device  1: (UUID: MIG-GPU-5c89852c-d268/2/0)
GPU 1: NVIDIA A100 (UUID: GPU-11111111-2222)
"""


def test_installed_gpus_are_read_from_nvidia_smi(tmp_path: Path, monkeypatch) -> None:
    """A GPU split by MIG is replaced by its parts: CUDA cannot use it as a whole."""
    monkeypatch.undo()
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTING}END\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert gpus.installed_gpus() == ["MIG-aaaa-1", "MIG-GPU-5c89852c-d268/2/0", "GPU-11111111-2222"]


def test_each_allocation_of_a_scheduler_has_its_own_locks(monkeypatch, own_machine: Path) -> None:
    """Two jobs of one node may both be given number 0, and mean two GPUs."""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    os.close(gpus._open(own_machine, "0-0"))
    assert [path.name for path in own_machine.iterdir()] == ["dst-robustness-gpu-0-0-17"]


def test_the_lock_folder_is_the_same_whatever_tmpdir_says(monkeypatch, tmp_path: Path) -> None:
    """Jobs of one machine often have temporary folders of their own, and would take the same GPU."""
    monkeypatch.undo()
    folder = gpus.lock_folder()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert gpus.lock_folder() == folder != tmp_path


def test_lock_files_serve_all_users(own_machine: Path) -> None:
    """A strict umask must not keep the next user out."""
    before = os.umask(0o077)
    try:
        os.close(gpus._open(own_machine, "0-0"))
    finally:
        os.umask(before)
    (file,) = own_machine.iterdir()
    assert file.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("planted", ["link", "dangling", "hard link", "pipe", "folder"])
def test_what_somebody_planted_is_not_used(own_machine: Path, tmp_path: Path, planted: str, caplog) -> None:
    """Nothing behind it is opened, locked or made; the user's jobs still keep apart from each other."""
    shared, other = own_machine / "dst-robustness-gpu-0-0", tmp_path / "other"
    if planted != "dangling":
        other.write_text("precious")
    if planted in ("link", "dangling"):
        shared.symlink_to(other)
    elif planted == "hard link":
        shared.hardlink_to(other)
    elif planted == "pipe":
        os.mkfifo(shared)
    else:
        shared.mkdir()
    first, second = gpus._open(own_machine, "0-0"), gpus._open(own_machine, "0-0")
    assert other.exists() == (planted != "dangling")
    assert caplog.text.count("cannot use") == 1
    fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(BlockingIOError):
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(first)
    os.close(second)


def test_without_file_locks_a_gpu_is_taken_with_a_warning(monkeypatch, caplog) -> None:
    """Nothing waits for ever, and nothing ends."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks available")))
    assert gpus.take_gpus(1) == ["0"]
    assert "no file locks here (No locks available)" in caplog.text


@pytest.mark.parametrize(
    ("cores", "places", "decodes", "threads"),
    [(8, 1, True, 4), (8, 1, False, 1), (8, 0, True, 1), (16, 4, True, 3), (2, 4, True, 1)],
)
def test_who_decodes_images_beside_a_gpu_gets_a_share_of_the_cores(
    cores: int, places: int, decodes: bool, threads: int
) -> None:
    """With one GPU and eight cores, half of them decode for its training; the rest is for jobs without a GPU."""
    assert gpus.threads_beside_gpus(cores, places, decodes=decodes) == threads
