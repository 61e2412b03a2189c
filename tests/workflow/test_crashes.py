"""Whatever dies, the same command again ends with the results of a study that nothing happened to.

DST_CRASHES=50 sets how many random kills are tried; a few by default.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import psutil
import pytest
import torch

CRASHES = int(os.environ.get("DST_CRASHES", "3"))
RULES = ("train_run", "evaluate_run", "corrupt_dataset")
SUMMARY = "results/tables/summary.csv"  # figures are the same after a crash as before it
RUN = Path("results/runs/digits_resnet8/rigl/0.5/seed0")
MEASURED = ["seconds", "train_seconds", "images_per_second", "peak_memory_mb"]


def arrays(file: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an HDF5 file by name."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(file) as opened:
        opened.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def content(file: Path) -> dict[str, np.ndarray]:
    """Return what a result says, but for the time and the memory that it took."""
    match file.suffix:
        case ".h5":
            return arrays(file)
        case ".pt":
            return {name: value.numpy() for name, value in torch.load(file, weights_only=True).items()}
        case ".csv":
            table = pd.read_csv(file)
            return {name: table[name].to_numpy() for name in table if name not in MEASURED}
    raise ValueError(file)


def assert_same(one: Path, other: Path, files: list[Path]) -> None:
    """Compare arrays, weights and tables of two studies bit for bit."""
    for file in files:
        expected, found = content(one / file), content(other / file)
        assert expected.keys() == found.keys(), file
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=f"{name} of {file}")


def all_results(folder: Path) -> list[Path]:
    """Return all data sets, corrupted sets, runs and tables of a finished study."""
    files = [
        file.relative_to(folder)
        for part in ("resources", "results/runs", "results/tables")
        for file in sorted((folder / part).rglob("*"))
        if file.suffix in {".h5", ".pt", ".csv"}
    ]
    assert len(files) > 15
    return files


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def start(study) -> psutil.Popen:
    return psutil.Popen(
        study.command(SUMMARY),
        cwd=study.folder,
        stdout=open(study.folder / "terminal.log", "a"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def jobs_of(session: int) -> dict[psutil.Process, str]:
    """Return the living processes of a session, the driver's jobs and its orphans, each with its command."""
    found = {}
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found[process] = " ".join(process.cmdline())
        except (ProcessLookupError, psutil.NoSuchProcess):
            pass
    return found


def kill_one(driver: psutil.Popen, choose: random.Random) -> str | None:
    """Kill something at a random moment; return what it was, or None where the study ended first."""
    try:
        driver.wait(timeout=choose.uniform(2, 14))
        return None
    except psutil.TimeoutExpired:
        jobs = {rule: job for job, line in jobs_of(driver.pid).items() for rule in RULES if f"{rule}.py" in line}
    victim = choose.choice(["driver", "everything", *jobs, *jobs])
    if victim == "everything":
        os.killpg(driver.pid, signal.SIGKILL)
    else:
        try:
            jobs.get(victim, driver).kill()
        except psutil.NoSuchProcess:
            return None
    return victim


def run_with_kills(study, wanted: int, choose: random.Random) -> list[str]:
    """Run the study to its end with up to this many kills on the way; return what was killed."""
    killed: list[str] = []
    for _ in range(10 * wanted + 10):
        if ".snakemake" in os.listdir(study.folder):
            study.run("--unlock")
        driver = start(study)
        if len(killed) < wanted and (victim := kill_one(driver, choose)):
            killed.append(victim)
        status = driver.wait(timeout=300)
        # Jobs of a killed driver may live on. They are waited for, as a user would; a driver that is started meanwhile
        # would only fail at their locks.
        deadline = time.monotonic() + 120
        while jobs_of(driver.pid):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        if status == 0:
            return killed
    raise AssertionError((study.folder / "terminal.log").read_text()[-5000:])


def test_random_kills_change_no_result(finished_study, new_study, tmp_path: Path) -> None:
    """Kill the driver, everything at once, a training, an evaluation, a corruption job; then the same command again."""
    choose = random.Random(int(os.environ.get("DST_CRASHES_SEED", "0")))
    killed: list[str] = []
    while len(killed) < CRASHES:
        folder = tmp_path / f"after{len(killed)}"
        study = new_study.copy(folder)
        killed += run_with_kills(study, min(10, CRASHES - len(killed)), choose)
        assert_same(finished_study.folder, folder, all_results(finished_study.folder))
        print(f"{len(killed)} kills so far: {killed}", flush=True)
        shutil.rmtree(folder)


@pytest.fixture
def small_disk(untrained) -> Iterator[Path]:
    """A file system of half a megabyte under the folder of the runs."""
    folder = untrained.folder / "results/runs"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_cannot_be_written_is_said_and_nothing_is_lost(finished_study, untrained, small_disk: Path) -> None:
    """A full disk and a read-only one: the reason stands on the terminal; once repaired, the same command finishes."""
    for fault, said in (("size=500k", "No space left on device"), ("ro", "Read-only file system")):
        subprocess.run(["mount", "-o", f"remount,{fault}", str(small_disk)], check=True)
        result = untrained.snakemake(f"{RUN}/model.pt")
        assert result.returncode == 1
        assert said in result.stdout
        assert list(small_disk.rglob("*.partial")) == []
    subprocess.run(["mount", "-o", "remount,rw,size=100m", str(small_disk)], check=True)
    untrained.run(f"{RUN}/model.pt")
    assert_same(finished_study.folder, untrained.folder, [RUN / "model.pt", RUN / "topology.csv"])


def test_a_test_set_that_is_truncated_is_named_and_made_again(finished_study, study) -> None:
    """The evaluation stops with a line that names the file; the same command makes it anew, with the same results."""
    spoiled = Path("resources/digits/corrupted/contrast.h5")
    truncate(study.folder / spoiled)
    (study.folder / RUN / "predictions.h5").unlink()
    result = study.snakemake(f"{RUN}/predictions.h5")
    assert result.returncode == 1
    assert f"cannot read {spoiled}: truncated or no HDF5" in result.stdout
    assert "un again, and it is made anew" in result.stdout
    study.run(f"{RUN}/predictions.h5")
    assert_same(finished_study.folder, study.folder, [spoiled, RUN / "predictions.h5", RUN / "metrics.csv"])


def test_a_second_driver_says_so_and_ends(new_study) -> None:
    """The first one holds the folder; the second changes nothing."""
    first = start(new_study)
    try:
        while not list((new_study.folder / ".snakemake/locks").glob("*.lock")):
            assert first.poll() is None
            time.sleep(0.02)
        second = new_study.snakemake()
        assert second.returncode == 1
        assert "LockException" in second.stdout
        assert "unlock" in second.stdout
        assert first.poll() is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
