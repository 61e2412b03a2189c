"""The training of docs/sparse_training.md runs as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[1] / "docs/sparse_training.md"


@pytest.fixture
def script(tmp_path):
    """The page's program, as a file."""
    (code,) = re.findall(r"```python\n# train\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "train.py"
    path.write_text(code, encoding="utf-8")
    return path


def run(*command):
    """Return what a program printed; each process computes with one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run([sys.executable, *map(str, command)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_trains_and_goes_on_where_it_was_cut(script, tmp_path):
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


def test_the_page_trains_in_two_processes(script, tmp_path):
    """One topology, a checkpoint by the first process."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert "density 0.5000" in run(*launcher, script, tmp_path / "two.pt", 20)
