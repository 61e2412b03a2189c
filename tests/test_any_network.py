"""The page on networks of others says what can be run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from dst_robustness.__main__ import main
from dst_robustness.study.options import Network

PAGE = (Path(__file__).parents[1] / "docs" / "any_network.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_first_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Protects newcomers: the twenty lines from a timm network to a table are executed as they stand."""
    pytest.importorskip("timm")
    exec(compile(blocks("python")[0], "docs/any_network.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "gaussian" not in printed
    assert "fog" in printed
    assert "over test images" in printed


def test_the_commands_and_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """Protects the page from options that were renamed."""
    for command in ("corrupt", "evaluate"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        told = capsys.readouterr().out
        lines = [line for line in blocks("bash")[0].replace("\\\n", " ").splitlines() if f" {command} " in line]
        for option in re.findall(r"--\w[\w-]*", " ".join(lines)):
            assert option in told
    for network in yaml.safe_load(blocks("yaml")[0])["networks"]:
        Network.model_validate(network)
