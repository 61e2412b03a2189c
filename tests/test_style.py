"""Formatters, linters and package metadata are content with the whole project."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent


def check(*command: str) -> None:
    if shutil.which(command[0], path=str(PROGRAMS)) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([str(PROGRAMS / command[0]), *command[1:]], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("snakefmt", "--check", "."), ("snakemake", "--lint")],
    ids=" ".join,
)
def test_a_checker_finds_nothing(command: tuple[str, ...]) -> None:
    """What the catalogue of workflows and every reader expects."""
    check(*command)


def test_the_catalogue_reads_what_it_asks_for() -> None:
    """Files at the places where the Snakemake workflow catalogue looks, and YAML that parses."""
    for name in ("LICENSE", "README.md", "config/README.md", "Snakefile"):
        assert (PROJECT / name).is_file()
    usage = yaml.safe_load((PROJECT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_corruptions_need_neither_torch_nor_the_workflow() -> None:
    """`pip install .` without extras brings what corrupting images needs, and no more is imported."""
    blocked = ("torch", "torchvision", "timm", "snakemake", "jsonschema", "matplotlib", "av", "decord", "jinja2")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import numpy as np\n"
        "from dst_robustness.corruptions import corrupt_images\n"
        "from dst_robustness.datasets import DATASETS, acquire, prepare\n"
        "print(corrupt_images(np.zeros((1, 32, 32, 3), np.uint8), 'brightness', 5, family='cifar').mean() > 50)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr
