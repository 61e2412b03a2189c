"""Write environment.yaml from uv.lock, so that `--sdm conda` and uv install the same versions.

uv run python envs/update_environment.py
"""

import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TARGET = Path(__file__).with_name("environment.yaml")
HEAD = """\
# Written by envs/update_environment.py from uv.lock: do not edit. The package itself is installed from the checkout by
# environment.post-deploy.sh.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def environment() -> str:
    """Return the text of environment.yaml for the present uv.lock."""
    extras = ["--extra=train", "--extra=video", "--extra=report"]
    plain = ["--no-hashes", "--no-annotate", "--no-header"]
    command = ["uv", "export", "--quiet", "--locked", "--no-default-groups", *extras, "--no-emit-project", *plain]
    pins = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
    return HEAD + "".join(f'      - "{pin}"\n' for pin in pins if pin)


if __name__ == "__main__":
    TARGET.write_text(environment(), encoding="utf-8")
