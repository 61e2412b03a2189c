"""The training of docs/sparse_training.md runs as it stands there."""

import os
import re
import runpy
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from dst_robustness.sparsity import METHODS

PAGE = Path(__file__).parents[1] / "docs/sparse_training.md"


def test_the_method_that_the_page_names_is_where_it_says():
    """Its options come by name or in an object."""
    called, place = re.search(r"`method=(\w+\(.*?\))`, from `([\w.]+)`", PAGE.read_text(encoding="utf-8")).groups()
    method = eval(called, vars(import_module(place)))
    assert method == METHODS["mest_g"].with_options({"memory_bound": 0.2})


@pytest.fixture
def script(tmp_path):
    """The page's program, as a file."""
    (code,) = re.findall(r"```python\n# train\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "train.py"
    path.write_text(code, encoding="utf-8")
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a program in this process, which has torch, and return what it printed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def run(*command):
        monkeypatch.setattr(sys, "argv", list(map(str, command)))
        runpy.run_path(str(command[0]), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_the_page_trains_and_goes_on_where_it_was_cut(run, script, tmp_path):
    """A training that is cut at step 25, before an update, ends as one that was not."""
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    printed = run(script, whole, 60)
    assert "RigL, step 0: 1,496 of 2,992 maskable weights are active, density 0.5000" in printed
    assert "MFLOPs dense" in printed
    assert "step 60: loss" in printed
    run(script, cut, 25)
    run(script, cut, 60)
    one, other = (torch.load(path, weights_only=True) for path in (whole, cut))
    assert all(torch.equal(one["model"][name], other["model"][name]) for name in one["model"])
    assert len(one["sparse"]["updates"]) == 4
    mask = one["sparse"]["masks"]["5.weight"]
    assert not one["average"]["module.5.weight"][~mask].any()


def test_the_page_trains_in_two_processes(run, script, tmp_path, monkeypatch):
    """One topology, a checkpoint by the first process. torchrun would set the same variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    environment = os.environ | ranks | {"RANK": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(tmp_path / "two.pt"), "20"]
    with subprocess.Popen(command, env=environment) as second:
        for name, value in (ranks | {"RANK": "0"}).items():
            monkeypatch.setenv(name, value)
        try:
            assert "density 0.5000" in run(script, tmp_path / "two.pt", 20)
            assert second.wait(timeout=60) == 0
        finally:
            second.kill()
