"""The study through the profile for SLURM, on a real SLURM of one host that the test starts."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import psutil
import pytest

# What a user of the profile sets for a cluster without accounting, and quicker looks at the queue.
HERE = [
    *("--profile", "workflow/profiles/slurm", "--default-resources", "slurm_partition=test", "mem_mb=500"),
    *("--slurm-no-account", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"),
    *("--seconds-between-status-checks", "1", "--latency-wait", "5"),
]
RUNS = Path("results/runs/digits_resnet8")


@pytest.fixture(scope="module")
def slurm():
    """A cluster of one node with two pretend GPUs."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("a SLURM for the test needs root and apt-get")
    script = Path(__file__).parent / "slurm/start.sh"
    started = subprocess.run([script], capture_output=True, text=True, timeout=300, check=False)
    if started.returncode:
        pytest.skip(f"no SLURM here: {started.stderr.strip()[-300:]}")
    yield
    subprocess.run([script, "stop"], check=True)


def slurm_job(part_of_comment: str) -> str:
    """Return the number of the running job whose comment, in which Snakemake names rule and wildcards, has this."""
    queue = subprocess.run(["squeue", "-h", "-t", "R", "-o", "%i %k"], capture_output=True, text=True, check=True)
    return next(line.split()[0] for line in queue.stdout.splitlines() if part_of_comment in line)


def state_of(job: str) -> str:
    """Return what SLURM says of a job: RUNNING, CANCELLED, TIMEOUT, ..."""
    command = ["squeue", "-h", "-t", "all", "-j", job, "-o", "%T"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def wait_until(condition: Callable[[], bool], what: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 400
    while not condition():
        assert process.poll() is None, f"Snakemake ended before {what}"
        assert time.monotonic() < deadline, f"did not come: {what}"
        time.sleep(0.05)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    wait_until(path.exists, f"{path.name} was there", process)


@contextmanager
def started(study, *targets: str) -> Iterator[subprocess.Popen]:
    """Run Snakemake beside the block, its output in snakemake.log; what is left of it then is interrupted."""
    with open(study.folder / "snakemake.log", "w") as output:
        process = subprocess.Popen(
            study.command(*HERE, *targets), cwd=study.folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.poll() is None:  # on Ctrl-C Snakemake cancels its jobs
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)


def test_a_cancelled_and_a_terminated_training_go_on_from_their_checkpoints(slurm, new_study) -> None:
    """The whole study: one training is cancelled as by an administrator, the other gets the SIGTERM of a time limit or
    of pre-emption; the retries of the profile finish both, each on one GPU."""
    config = deepcopy(new_study.config())
    config["scenarios"][0]["training"]["epochs"] = 40
    new_study.write_config(config)
    with started(new_study) as process:
        dense, rigl = (new_study.folder / RUNS / name for name in ("dense/0/seed0", "rigl/0.5/seed0"))
        wait_for(dense / "checkpoint.pt", process)
        subprocess.run(["scancel", slurm_job("train_run_wildcards_digits_resnet8_dense")], check=True)
        wait_for(rigl / "checkpoint.pt", process)
        job = slurm_job("train_run_wildcards_digits_resnet8_rigl")
        subprocess.run(["scancel", "--full", "--signal=TERM", job], check=True)
        process.wait(timeout=900)
    text = (new_study.folder / "snakemake.log").read_text()
    assert process.returncode == 0, text
    for name in ("dense/0", "rigl/0.5"):
        attempt = (new_study.folder / f"results/logs/runs/digits_resnet8/{name}/seed0/train.log").read_text()
        assert "going on from the checkpoint" in attempt
        gpu = attempt.splitlines()[0]
        assert gpu in {"computing on GPU 0 out of 0", "computing on GPU 1 out of 1"}, "exactly one of the two is seen"
    assert (new_study.folder / "results/tables/summary.csv").exists()
    assert text.count("group_corruptions") == 1, "all corruptions of a data set are one submission"


def test_a_training_on_two_gpus_goes_on_after_its_time_limit(slurm, new_study) -> None:
    """Two processes on two GPUs, in one job; SLURM ends it when its time is over, and the next attempt goes on."""
    config = deepcopy(new_study.config()) | {"gpus_per_run": 2}
    config["scenarios"][0]["training"]["epochs"] = 100_000  # it would not end by itself
    new_study.write_config(config)
    run = new_study.folder / RUNS / "dense/0/seed0"
    log = new_study.folder / "results/logs/runs/digits_resnet8/dense/0/seed0/train.log"
    with started(new_study, str(RUNS / "dense/0/seed0/model.pt")) as process:
        wait_for(run / "checkpoint.pt", process)
        assert log.read_text().splitlines()[0] == "computing on GPU 0, 1 out of 0, 1"
        scripts = f"{new_study.folder}/.snakemake/scripts"
        commands = [" ".join(found.info["cmdline"] or ()) for found in psutil.process_iter(["cmdline"])]
        starting = [line for line in commands if scripts in line and "train_run.py" in line and "srun" not in line]
        training = [line for line in commands if "-m dst_robustness.training.parallel" in line]
        assert (len(starting), len(training)) == (1, 2), f"one starts the others, one for each GPU: {commands}"
        job = slurm_job("train_run_wildcards_digits_resnet8_dense")
        # A limit is at least a minute; its end can be moved nearer. SLURM looks every half minute.
        subprocess.run(["scontrol", "update", f"JobId={job}", "EndTime=now+1"], check=True)
        wait_until(lambda: state_of(job) == "TIMEOUT", "the time limit", process)
        wait_until(
            lambda: log.exists() and "going on from the checkpoint" in log.read_text(), "the next attempt", process
        )
