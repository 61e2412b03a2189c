"""The worked examples of CONTRIBUTING.md, done to a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SECTIONS = ("corruption", "method", "model", "data set")


def blocks(section: str) -> list[tuple[str, str, str]]:
    """Return language, first line and rest of each block of code below a heading."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    body = text.split(f"## How to add a {section}\n")[1].split("\n## ")[0]
    found = re.findall(r"```(python|diff)\n# ([^\n]*)\n(.*?)```", body, re.DOTALL)
    assert len(found) == body.count("```") // 2, "a block of code without a file name in its first line"
    return found


def add_lines(path: Path, change: str) -> None:
    """Put each line marked + behind the line above it, which must be in the file exactly once."""
    text, context = path.read_text(encoding="utf-8"), ""
    for line in change.splitlines():
        if line.startswith("+"):
            assert text.count(context) == 1, f"{path.name} has {text.count(context)} lines {context!r}"
            text = text.replace(context, f"{context}{line[1:]}\n")
        else:
            context = f"{line[1:]}\n"
    path.write_text(text, encoding="utf-8")


def test_the_worked_examples_work(tmp_path: Path) -> None:
    """A new file and an entry of a registry are all that is needed. One process tries all, since imports are slow."""
    shutil.copytree(PROJECT / "src/dst_robustness", tmp_path / "src/dst_robustness")
    tries = []
    for section in SECTIONS:
        kinds = set()
        for kind, place, code in blocks(section):
            kinds.add("try it" if place == "try it" else kind)
            if kind == "diff":
                add_lines(tmp_path / place, code)
            elif place == "try it":
                tries.append(code)
            else:
                assert not (tmp_path / place).exists()
                (tmp_path / place).write_text(code, encoding="utf-8")
        assert {"python", "try it"} <= kinds, section
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", "\n".join(tries)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
