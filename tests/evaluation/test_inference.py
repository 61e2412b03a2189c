"""A network that is made fast answers as before; one that cannot be is left as it is."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from dst_robustness.evaluation.inference import CPU_BATCH, GPU_BATCH, batch_size, folded, prepared  # noqa: E402
from dst_robustness.models import build_model  # noqa: E402

CPU = torch.device("cpu")


def trained(name: str, **options: int) -> nn.Module:
    """Return a network whose batch norms have seen data: fresh ones do nothing, folded or not."""
    torch.manual_seed(0)
    network = build_model(name, 4, image_size=16, width=0.25, **options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.2, 3)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return network


def norms(network: nn.Module) -> int:
    """Count the batch norms that a network applies."""
    if isinstance(network, torch.fx.GraphModule):
        return sum(isinstance(network.get_submodule(n.target), nn.modules.batchnorm._BatchNorm)
                   for n in network.graph.nodes if n.op == "call_module")  # fmt: skip
    return sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


@pytest.mark.parametrize(("name", "shape"), [("resnet8", (3, 16, 16)), ("r3d_tiny", (3, 4, 16, 16))])
def test_folding_changes_no_answer(name: str, shape: tuple[int, ...]) -> None:
    """All batch norms are gone, logits are equal up to rounding, and the network itself keeps its weights."""
    network = trained(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    samples = torch.randn(9, *shape)
    with torch.inference_mode():
        expected = network(samples)
        faster = prepared(network, CPU, "float32", shape)
        found = faster(samples)
    assert norms(network) > 0
    assert norms(faster) == 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert found.argmax(1).tolist() == expected.argmax(1).tolist()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


class Branches(nn.Module):
    """Asks a value of its input, or the type of it: the first cannot be traced, the second is traced wrongly."""

    def __init__(self, by_type: bool) -> None:
        super().__init__()
        self.norm, self.by_type = nn.BatchNorm2d(3), by_type

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = type(x) is torch.Tensor if self.by_type else bool(x.sum() == x.sum())
        return self.norm(x).mean((2, 3)) if first else x.mean((2, 3)) + 1


@pytest.mark.parametrize("by_type", [False, True])
def test_what_cannot_be_folded_is_left_as_it_is(by_type: bool) -> None:
    """A user's network answers as it was written."""
    network = Branches(by_type).eval()
    assert folded(network, torch.randn(2, 3, 4, 4)) is network


def test_bf16_is_not_folded() -> None:
    """Folded weights round otherwise in bf16, so that answers would depend on it."""
    network = trained("resnet8")
    assert prepared(network, CPU, "bfloat16", (3, 16, 16)) is network


def test_batches_are_small_on_a_processor_and_large_on_a_gpu() -> None:
    """A processor has a small cache, a GPU many cores."""
    assert (batch_size(CPU), batch_size(torch.device("cuda"))) == (CPU_BATCH, GPU_BATCH)
