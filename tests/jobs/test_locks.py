"""Two processes at one file take turns, and a file system without locks stops nobody."""

import errno
import fcntl
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dst_robustness.jobs import locks
from dst_robustness.jobs.locks import TakenError, alone


def test_the_second_process_waits_and_knows_it(tmp_path: Path) -> None:
    """The process that waited may find the work done."""
    code = (
        "import sys, time; from dst_robustness.jobs.locks import alone\n"
        f"with alone({str(tmp_path / 'a')!r}) as waited: print(waited, flush=True); time.sleep(0.5)"
    )
    first = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "False\n"
    start = time.perf_counter()
    with alone(tmp_path / "a") as waited:
        assert waited
        assert time.perf_counter() - start > 0.2
    assert first.wait() == 0
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_wait_is_told(tmp_path: Path) -> None:
    """Two jobs never train one run."""
    with (
        alone(tmp_path / "a"),
        pytest.raises(TakenError, match=r"another process is doing this \(it holds .*\.a\.lock\)"),
        alone(tmp_path / "a", wait=False),
    ):
        pass


def test_three_in_a_row_never_meet(tmp_path: Path) -> None:
    """The lock file is removed by each; the next one must not hold a file that is gone."""
    code = (
        "import os, time; from dst_robustness.jobs.locks import alone\n"
        "for _ in range(30):\n"
        f"    with alone({str(tmp_path / 'a')!r}):\n"
        f"        file = os.open({str(tmp_path / 'inside')!r}, os.O_CREAT | os.O_EXCL)\n"
        f"        time.sleep(0.001); os.close(file); os.unlink({str(tmp_path / 'inside')!r})"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_the_block_runs_with_one_warning(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """NFS without a lock service, and Lustre without ``-o flock``."""

    def fail(*_: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", fail)
    locks._warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with alone(tmp_path / "a") as waited:
                assert not waited
    assert caplog.text.count("no file locks here") == 1
