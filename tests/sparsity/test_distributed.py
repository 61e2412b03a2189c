"""Several processes train one topology."""

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
    """What each of two gloo processes ended with; this one is the first."""
    folder = tmp_path_factory.mktemp("gloo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        patch.setenv("OMP_NUM_THREADS", "1")
        with subprocess.Popen([sys.executable, WORKER, "1", folder / "store", folder / "rank1.pt"]) as second:
            try:
                runpy.run_path(str(WORKER))["take_part"](0, folder / "store", folder / "rank0.pt")
                assert second.wait(timeout=120) == 0
            finally:
                second.kill()
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


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
