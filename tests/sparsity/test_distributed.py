"""Several processes train one topology."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dst_robustness.sparsity import distributed

WORKER = Path(__file__).parent / "gloo_worker.py"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each of two gloo processes ended with."""
    folder = tmp_path_factory.mktemp("gloo")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    outputs = [folder / "rank0.pt", folder / "rank1.pt"]
    commands = [[sys.executable, WORKER, str(rank), folder / "store", output] for rank, output in enumerate(outputs)]
    processes = [subprocess.Popen(command, env=environment) for command in commands]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(output, weights_only=True) for output in outputs]


@pytest.mark.parametrize("method", ["rigl", "set", "mest_r", "granet_g", "snip"])
def test_two_processes_hold_the_same_network(both, method):
    """Masks, weights and records bit for bit, although each saw other samples (and for SET another seed)."""
    one, other = (result[method] for result in both)
    assert all(torch.equal(one["masks"][name], mask) for name, mask in other["masks"].items())
    assert all(torch.equal(one["weights"][name], weight) for name, weight in other["weights"].items())
    assert one["updates"] == other["updates"]


@pytest.mark.parametrize("method", ["rigl", "set", "mest_r", "granet_g", "snip"])
def test_two_processes_equal_one_with_the_whole_batch(both, method):
    """The gradients are averaged before they are scored: the same topology, weights within float tolerance."""
    alone = runpy.run_path(str(WORKER))["train"](method)
    assert all(torch.equal(both[0][method]["masks"][name], mask) for name, mask in alone["masks"].items())
    for name, weight in alone["weights"].items():
        torch.testing.assert_close(both[0][method]["weights"][name], weight, rtol=1e-9, atol=1e-12)


def test_one_process_communicates_nothing():
    """Without a process group every helper is the identity."""
    tensors = [torch.tensor([1, 2], dtype=torch.uint8)]
    assert distributed.decides()
    assert distributed.broadcast(tensors) == tensors
    assert not distributed.several_processes()
