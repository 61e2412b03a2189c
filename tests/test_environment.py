"""The two ways to an environment give the same versions."""

import runpy
import shutil
from pathlib import Path

import pytest

ENVS = Path(__file__).parents[1] / "envs"


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_conda_environment_is_that_of_the_lock_file() -> None:
    """`--sdm conda` must not compute with other versions than uv; envs/update_environment.py writes the file anew."""
    expected = runpy.run_path(str(ENVS / "update_environment.py"))["environment"]()
    assert (ENVS / "environment.yaml").read_text(encoding="utf-8") == expected
