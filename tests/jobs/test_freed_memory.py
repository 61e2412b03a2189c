"""The C library keeps what is freed, for the next batch."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from dst_robustness.jobs.freed_memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2_000_000)
before = faults()
for _ in range(50):
    np.ones(2_000_000)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_a_batch_after_the_other_takes_the_same_memory() -> None:
    """16 MB taken and freed fifty times: their pages are cleared once, not fifty times."""
    counts = {}
    for how in ("plain", "keep"):
        command = [sys.executable, "-c", CODE, how]
        counts[how] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert counts["keep"] < counts["plain"] / 10 or counts["plain"] == 0  # some systems do not count
