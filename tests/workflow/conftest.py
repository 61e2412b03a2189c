"""A small study of its own folder, run by the real Snakemake."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dst_robustness.jobs.locks import alone

PROJECT = Path(__file__).parents[2]
# To import Snakemake and what the rules need takes most of the time of a dry run. One process does it once, and each
# call is a fork of it.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["snakemake.cli", "snakemake.api", "dst_robustness.study.origins", "dst_robustness.reporting.figures"]
)
CALL = """
import os
os.chdir(folder)
os.environ.clear()
os.environ.update(environment)
written = os.open(output, os.O_WRONLY | os.O_APPEND)
os.dup2(written, 1)
os.dup2(written, 2)
from snakemake.cli import main
main(arguments)
"""
TINY = {
    "results_dir": "results",
    "resources_dir": "resources",
    "methods": ["dense", "rigl"],
    "sparsities": [0.5],
    "seeds": [0],
    "datasets": {"digits": {"train_samples": 200, "test_samples": 50}},
    "scenarios": [
        {
            "dataset": "digits",
            "model": "resnet8",
            "corruptions": ["gaussian_noise", "contrast"],
            "training": {"epochs": 2, "batch_size": 64, "augmentation": "crop", "checkpoint_seconds": 0},
            "sparse_training": {"update_interval": 2},
        }
    ],
}


class Study:
    """A checkout's workflow in a folder of its own, with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "CI": "true"}  # with all that Snakemake prints
        self.output = ""
        self.has_own_package = False

    @classmethod
    def create(cls, folder: Path, config: dict[str, object]) -> Study:
        """Lay out the workflow as in a checkout, with this configuration as its config.yaml."""
        for name in ("Snakefile", "workflow", "envs"):
            source = PROJECT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
        (folder / "profiles").symlink_to("workflow/profiles")
        study = cls(folder)
        study.write_config(config)
        return study

    def copy(self, folder: Path) -> Study:
        """Return the same study, finished as far as it is, in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return Study(folder)

    def copy_package(self) -> Path:
        """Let the study run a copy of the package of its own, which a test may change; return the copy."""
        shutil.copytree(PROJECT / "src", self.folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        self.environment["PYTHONPATH"] = str(self.folder / "src")
        self.has_own_package = True
        return self.folder / "src/dst_robustness"

    def config(self) -> dict[str, object]:
        return yaml.safe_load((self.folder / "config.yaml").read_text())

    def write_config(self, config: dict[str, object]) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end and return its status and output."""
        command = self.command(*arguments)
        with tempfile.NamedTemporaryFile("r") as output:
            if self.has_own_package:
                with open(output.name, "w") as written:
                    call = {"cwd": self.folder, "env": self.environment, "stdout": written, "stderr": written}
                    status = subprocess.run(command, timeout=900, check=False, **call).returncode
            else:
                status = self._fork(command[3:], output.name)
            return subprocess.CompletedProcess(command, status, output.read())

    def _fork(self, arguments: list[str], output: str) -> int:
        call = {"folder": str(self.folder), "environment": self.environment, "output": output, "arguments": arguments}
        process = FORKS.Process(target=exec, args=(CALL, call))
        process.start()
        process.join(timeout=900)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(Path(output).read_text())
        return process.exitcode

    def run(self, *arguments: str) -> str:
        """Run Snakemake, which must succeed, and return its output."""
        result = self.snakemake(*arguments)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule Snakemake would run now, the collecting rule `all` left out."""
        output = self.run("--dry-run", *arguments)
        table = re.search(r"^job +count\n-.*\n((?:\w+ +\d+\n)+)", output, re.MULTILINE)
        if table is None:
            assert "Nothing to be done" in output, output
            return {}
        jobs = {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
        return {name: count for name, count in jobs.items() if name not in {"all", "total"}}

    def kill_when(self, condition: Callable[[], bool], *arguments: str, timeout: float = 120) -> None:
        """Start Snakemake and kill it with all of its jobs as a power failure would, once the condition holds."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + timeout
        try:
            while not condition():
                assert process.poll() is None, "Snakemake ended before it could be killed"
                assert time.monotonic() < deadline, "nothing to kill came up"
                time.sleep(0.02)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The tiny study, run to its end once, by whichever test process comes first. Tests that change it take a copy."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    said = folder.with_suffix(".txt")
    with alone(folder):
        if not said.exists():
            folder.mkdir()
            said.write_text(Study.create(folder, TINY).run())
    study = Study(folder)
    study.output = said.read_text()
    return study


@pytest.fixture
def study(finished_study: Study, tmp_path: Path) -> Study:
    """A copy of the finished tiny study, to be changed."""
    return finished_study.copy(tmp_path)


@pytest.fixture
def untrained(study: Study) -> Study:
    """The tiny study with its data, and none of its networks."""
    shutil.rmtree(study.folder / "results")
    return study


@pytest.fixture
def new_study(tmp_path: Path) -> Study:
    """The tiny study, nothing of it run."""
    return Study.create(tmp_path, TINY)
