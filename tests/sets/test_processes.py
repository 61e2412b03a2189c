"""A file that hangs or crashes its reader costs only that file, and the job's script runs once."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dst_robustness.sets.processes import ReadingProcesses


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The next one gets a new process; the start of a process does not count."""
    with ReadingProcesses(1) as processes:
        assert processes.run(partial(np.ones, 3), 0.2).tolist() == [1, 1, 1]
        with pytest.raises(ValueError, match=r"^takes longer than time_limit = 0\.2 s"):
            processes.run(partial(time.sleep, 30), 0.2)
        assert processes.run(partial(np.ones, 3), 0.2).tolist() == [1, 1, 1]


def test_a_crash_costs_one_call() -> None:
    """A library that ends its process is one damaged file."""
    with ReadingProcesses(1) as processes:
        with pytest.raises(ValueError, match=r"^ends the process"):
            processes.run(partial(os._exit, 3), 10)
        assert processes.run(partial(np.ones, 3), 10).tolist() == [1, 1, 1]


def test_memory_is_bounded() -> None:
    """A file that asks for all memory is refused in words."""
    with ReadingProcesses(1) as processes, pytest.raises(ValueError, match="more than 1600 MiB"):
        processes.run(partial(np.ones, 1 << 30), 10)


SCRIPT = """
import os, sys
from functools import partial
import numpy as np
from dst_robustness.sets.processes import ReadingProcesses
print("once", flush=True)
with ReadingProcesses(2) as processes:
    print(processes.run(partial(os.getppid), 30) == os.getpid(), flush=True)
    if sys.argv[1:] == ["wait"]:
        print(processes.run(partial(os.getpid), 30), flush=True)
        import time; time.sleep(60)
print(__file__ is not None)
"""


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    """Snakemake's scripts are such: a process that is started anew must not run them again."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["once", "True", "True"], done.stderr


def test_processes_end_with_a_killed_job(tmp_path: Path) -> None:
    """No reader stays behind where the job gets SIGKILL."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    job = subprocess.Popen([sys.executable, script, "wait"], stdout=subprocess.PIPE, text=True)
    reader = int([job.stdout.readline() for _ in range(3)][-1])
    job.kill()
    job.wait()
    for _ in range(100):
        time.sleep(0.1)
        if not Path(f"/proc/{reader}").exists():
            return
    os.kill(reader, signal.SIGKILL)
    pytest.fail("the reader is still there after ten seconds")
