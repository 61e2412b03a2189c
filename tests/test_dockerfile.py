"""The container's documented command, without a container: its environment, and a user id without an account."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMESPACE = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]


def image_environment() -> dict[str, str]:
    """Return what the Dockerfile sets, with this environment's programs in place of the image's."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"^ENV (.*)$", text, flags=re.MULTILINE)
    values = dict(pair.split("=", 1) for pair in line.split())
    return values | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")}


@pytest.mark.parametrize("own", [{}, {"LANG": "C", "TMPDIR": "/var/tmp", "HOME": "read-only"}, {"HOME": "missing"}])
def test_the_documented_command_runs_for_a_user_without_an_account(tmp_path: Path, own: dict[str, str]) -> None:
    """Snakemake asks for the user's name and writes below the home folder; the embedded study is found in the image."""
    if not shutil.which("unshare") or subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system allows no user namespaces")
    study, closed = tmp_path / "study", tmp_path / "closed"
    study.mkdir()
    closed.mkdir(mode=0o555)
    homes = {"read-only": str(closed), "missing": str(closed / "none")}
    environment = image_environment() | own | ({"HOME": homes[own["HOME"]]} if "HOME" in own else {})
    entry = ["snakemake", "--snakefile", ROOT / "Snakefile", "--workflow-profile", ROOT / "profiles/default"]
    result = subprocess.run(
        [*NAMESPACE, *entry, "--cores", "all", "-n", "--quiet"],
        capture_output=True, text=True, cwd=study, env=environment, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "To train: " in result.stdout + result.stderr
