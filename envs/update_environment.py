"""Write environment.yaml anew after a change of uv.lock, so that `--sdm conda` makes a new environment too.

python envs/update_environment.py
"""

import hashlib
from pathlib import Path

LOCK = Path(__file__).parents[1] / "uv.lock"
TARGET = Path(__file__).with_name("environment.yaml")
TEXT = """\
# Written by envs/update_environment.py: do not edit. environment.post-deploy.sh installs the versions of uv.lock.
# Snakemake knows an environment by the text of this file: uv.lock has the sha256 sum
# {sum}.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - uv
"""


def environment() -> str:
    """Return the text of environment.yaml for the present uv.lock."""
    return TEXT.format(sum=hashlib.sha256(LOCK.read_bytes()).hexdigest())


if __name__ == "__main__":
    TARGET.write_text(environment(), encoding="utf-8")
