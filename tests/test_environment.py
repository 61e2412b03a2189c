"""The two ways to an environment give the same versions."""

import runpy
from pathlib import Path

ENVS = Path(__file__).parents[1] / "envs"


def test_conda_environment_is_made_anew_with_the_lock_file() -> None:
    """`--sdm conda` must not go on with older versions than uv; envs/update_environment.py writes the file anew."""
    expected = runpy.run_path(str(ENVS / "update_environment.py"))["environment"]()
    assert (ENVS / "environment.yaml").read_text(encoding="utf-8") == expected
