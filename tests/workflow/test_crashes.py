"""Whatever dies, the same command again ends with the results of a study that nothing happened to.

DST_CRASHES=50 sets how many random kills are tried; a few by default.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import psutil
import torch

CRASHES = int(os.environ.get("DST_CRASHES", "5"))
VICTIMS = ("driver", "everything", "train_run", "evaluate_run", "corrupt_dataset")
RUN = Path("results/runs/digits/resnet8/rigl/0.5/seed0")
TIMES = ["seconds", "images_per_second"]


def arrays(file: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an HDF5 file by name."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(file) as opened:
        opened.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def content(file: Path) -> dict[str, np.ndarray]:
    """Return what a result says, but for the time that it took."""
    match file.suffix:
        case ".h5":
            return arrays(file)
        case ".pt":
            return {name: value.numpy() for name, value in torch.load(file, weights_only=True).items()}
        case ".csv":
            table = pd.read_csv(file)
            return {name: table[name].to_numpy() for name in table if name not in TIMES}
    raise ValueError(file)


def assert_same_results(one: Path, other: Path) -> None:
    """Compare all arrays, weights and tables of two finished studies bit for bit."""
    files = [
        file.relative_to(one)
        for folder in ("resources", "results/runs", "results/tables")
        for file in sorted((one / folder).rglob("*"))
        if file.suffix in {".h5", ".pt", ".csv"}
    ]
    assert len(files) > 15
    for file in files:
        expected, found = content(one / file), content(other / file)
        assert expected.keys() == found.keys(), file
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=f"{name} of {file}")


def start(study) -> psutil.Popen:
    return psutil.Popen(
        study.command(),
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


def kill_one(driver: psutil.Popen, victim: str, choose: random.Random) -> str | None:
    """Kill the chosen victim at a random moment of its life; return its name, or None where the study ended first."""
    if victim in {"driver", "everything"}:
        time.sleep(choose.uniform(1, 15))
    while driver.poll() is None:
        jobs = {name: job for job, line in jobs_of(driver.pid).items() for name in VICTIMS if f"{name}.py" in line}
        if victim in {"driver", "everything"} or victim in jobs:
            break
        time.sleep(0.05)
    if victim in jobs:
        time.sleep(choose.uniform(0, 6))
    if driver.poll() is not None:
        return None
    if victim == "everything":
        os.killpg(driver.pid, signal.SIGKILL)
    elif victim == "driver":
        driver.kill()
    else:
        try:
            jobs[victim].kill()
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
        if len(killed) < wanted and (victim := kill_one(driver, choose.choice(VICTIMS), choose)):
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
        killed += run_with_kills(study, min(5, CRASHES - len(killed)), choose)
        assert_same_results(finished_study.folder, folder)
        print(f"{len(killed)} kills so far: {' '.join(killed)}")
        shutil.rmtree(folder)
