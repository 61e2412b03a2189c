"""Files are complete or absent, whatever the disk does."""

import subprocess
import sys
from pathlib import Path

import pytest

WRITERS = {
    "text": "from dst_robustness.jobs.files import write_text; write_text(path, 'x' * 100_000)",
    "tensors": "import torch; from dst_robustness.models.tensor_files import save_tensors; "
    "save_tensors(path, {'a': torch.zeros(100_000)})",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_line_that_names_the_file_and_leaves_nothing(tmp_path: Path, writer: str) -> None:
    """A limit on the size of files stands in for the disk; what was there before stays."""
    target, log = tmp_path / "target", tmp_path / "log"
    target.write_text("before")
    code = (
        "import resource, sys; from dst_robustness.jobs.logs import log_to; path = sys.argv[1]\n"
        "with log_to(sys.argv[2]):\n"
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); {WRITERS[writer]}"
    )
    result = subprocess.run([sys.executable, "-c", code, target, log], capture_output=True, check=False)
    assert result.returncode == 1
    assert log.read_text() == f"OSError: [Errno 27] File too large: '{target}'\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "target"]
    assert target.read_text() == "before"


def test_a_full_disk_under_the_log_itself_ends_the_job_as_any_error_does(tmp_path: Path) -> None:
    """Nothing can be said then; the status says it."""
    code = (
        "import resource, sys; from dst_robustness.jobs.logs import log_to\n"
        "with log_to(sys.argv[1]):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); print('x' * 100)"
    )
    result = subprocess.run([sys.executable, "-c", code, tmp_path / "log"], capture_output=True, check=False)
    assert result.returncode == 1
    assert not result.stderr
