"""The log of a job: all output in it, one line for what went wrong, one process at a time."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dst_robustness.jobs.logs import warnings_in


def job(log: Path, body: str) -> subprocess.Popen:
    """Start a process that logs to a file and does something."""
    code = f"import os, sys, time\nfrom dst_robustness.jobs.logs import log_to\nwith log_to(sys.argv[1]):\n    {body}"
    return subprocess.Popen([sys.executable, "-c", code, str(log)])


@pytest.mark.parametrize(
    ("body", "status", "written"),
    [
        ("print('a'); os.system('echo b >&2')", 0, "a\nb\n"),
        ("print('a', flush=True); raise ValueError('the file x is empty')", 1, "a\nValueError: the file x is empty\n"),
    ],
)
def test_output_and_errors_end_up_in_the_log(tmp_path: Path, body: str, status: int, written: str) -> None:
    """Output of child processes too; an error of input is one line, without a traceback."""
    log = tmp_path / "job.log"
    log.write_text("of an earlier attempt\n")
    assert job(log, body).wait() == status
    assert log.read_text() == written


def test_an_error_of_the_program_keeps_its_traceback(tmp_path: Path) -> None:
    """The last line says what, the lines before say where."""
    log = tmp_path / "job.log"
    assert job(log, "{}['lost']").wait() == 1
    assert log.read_text().startswith("Traceback")
    assert log.read_text().endswith("\nKeyError: 'lost'\n")


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """The same command makes it anew: nobody has to delete it."""
    log, damaged = tmp_path / "job.log", tmp_path / "test.h5"
    damaged.write_bytes(b"half")
    body = f"from dst_robustness.sets.storage import open_hdf5; open_hdf5('{damaged}').__enter__()"
    assert job(log, body).wait() == 1
    assert log.read_text() == (
        f"DamagedFileError: cannot read {damaged}: truncated or no HDF5\n"
        f"It is now {damaged}.damaged; run again, and it is made anew.\n"
    )
    assert not damaged.exists()


def test_what_the_package_reports_is_in_the_log(tmp_path: Path) -> None:
    """The address of a file is logged at level INFO, which Python drops by default."""
    log = tmp_path / "job.log"
    body = "import logging; logging.getLogger('dst_robustness.x').info('fetching'); logging.info('of a library')"
    assert job(log, body).wait() == 0
    assert log.read_text().endswith(" fetching\n")
    assert "library" not in log.read_text()


def test_warnings_of_the_package_are_marked(tmp_path: Path) -> None:
    """They are shown on the terminal. Those of libraries are not: they speak to programmers."""
    log = tmp_path / "job.log"
    loggers = "import logging; [logging.getLogger(name).warning('left out') for name in ('dst_robustness.a', 'numba')]"
    assert job(log, loggers).wait() == 0
    assert [line[9:] for line in log.read_text().splitlines()] == ["warning: left out", "left out"]
    assert warnings_in(log) == ["left out"]


def test_a_job_that_still_runs_is_not_joined(tmp_path: Path) -> None:
    """The second process ends with that line, even where the log was replaced; once the first is dead, all is free."""
    log = tmp_path / "job.log"
    first = job(log, "print('first', flush=True); time.sleep(60)")
    while not log.exists() or not log.read_text():
        time.sleep(0.01)
    log.unlink()
    assert job(log, "print('second')").wait() == 1
    assert log.read_text() == "another process is still doing this job: wait until it ends, or end it, and run again\n"
    first.kill()
    first.wait()
    assert job(log, "print('third')").wait() == 0
    assert log.read_text() == "third\n"
    assert list(tmp_path.iterdir()) == [log]
