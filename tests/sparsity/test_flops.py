"""Multiply-adds by hand, and the published formulas."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dst_robustness.sparsity import SparseTraining
from dst_robustness.sparsity.flops import cost, inference_flops, layer_flops, training_flops_ratio


def test_multiply_adds_of_every_kind_of_layer():
    """Kernel x outputs for convolutions, kernel x inputs for transposed ones, rows x columns for linear layers."""
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, groups=2), nn.ConvTranspose2d(4, 3, 2, stride=2), nn.Flatten(), nn.Linear(300, 7)
    )
    assert layer_flops(model, (2, 5, 5)) == {
        "0.weight": 1 * 9 * 4 * 25,
        "1.weight": 4 * 25 * 3 * 4,
        "3.weight": 300 * 7,
    }


def test_three_dimensional_convolution():
    """Clips: [C, T, H, W]."""
    assert layer_flops(nn.Conv3d(1, 2, 3, bias=False), (1, 4, 4, 4)) == {"weight": 27 * 2 * 8}


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(query=x, key=x, value=x)[0]


def test_attention_projections():
    """Five tokens through three input projections and one output projection of 8 x 8."""
    assert layer_flops(Attention(), (5, 8)) == {
        "attention.in_proj_weight": 3 * 5 * 64,
        "attention.out_proj.weight": 5 * 64,
    }


def test_a_layer_that_runs_twice_counts_twice():
    """This also holds if two layers share one weight."""
    shared = nn.Linear(6, 6)
    other = nn.Linear(6, 6)
    other.weight = shared.weight
    assert layer_flops(nn.Sequential(shared, shared, other), (6,)) == {"0.weight": 3 * 36}


class Fused(nn.Module):
    """Attention as in BEiT and Swin of timm: the weight of a layer is given to a function."""

    def __init__(self):
        super().__init__()
        self.qkv, self.unused = nn.Linear(8, 24, bias=False), nn.Linear(8, 8)

    def forward(self, x):
        return F.linear(x, self.qkv.weight, x.new_zeros(24)) + x @ self.qkv.weight.T


def test_a_weight_that_is_given_to_a_function_counts_and_an_unused_one_is_named():
    """Protects from sparse networks that look cheaper than they are: five tokens, twice through 8 x 24."""
    with pytest.warns(UserWarning, match="multiplies by no unused.weight"):
        assert layer_flops(Fused(), (5, 8)) == {"qkv.weight": 2 * 5 * 8 * 24, "unused.weight": 0}


class Joined(nn.Module):
    """Attention as in EVA of timm and DINO: three projections are joined into one product."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 16)

    def forward(self, x):
        return F.linear(x, torch.cat([self.q.weight, self.k.weight, self.v.weight]) * 2)


def test_a_product_with_joined_weights_is_shared_out_by_their_sizes():
    """Five tokens through 8 x 32, of which v has half."""
    assert layer_flops(Joined(), (5, 8)) == {"q.weight": 5 * 64, "k.weight": 5 * 64, "v.weight": 5 * 128}


def test_a_weight_made_of_others_counts_as_these():
    """The old and the new weight norm of torch compute the weight before each forward pass."""
    old, new = (norm(nn.Conv2d(2, 4, 3)) for norm in (nn.utils.weight_norm, nn.utils.parametrizations.weight_norm))
    assert list(layer_flops(nn.Sequential(old), (2, 5, 5)).values()) == [2 * 9 * 4 * 9]
    assert list(layer_flops(nn.Sequential(new), (2, 5, 5)).values()) == [2 * 9 * 4 * 9]


class Table(nn.Module):
    """A bias that layers make of fixed coordinates, as in Swin V2."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 4), nn.Linear(4, 8), nn.Linear(8, 3)
        self.register_buffer("coordinates", torch.ones(6, 2))

    def forward(self, x):
        return self.last(x + self.second(self.first(self.coordinates)))


def test_products_with_constants_count_for_the_weight_that_they_are_made_with():
    """Six rows through two layers whatever the sample; the sum of data and bias then passes the last one."""
    assert layer_flops(Table(), (6, 8)) == {"first.weight": 6 * 8, "second.weight": 6 * 32, "last.weight": 6 * 24}


class LooksAtItsInput(nn.Linear):
    def forward(self, x):
        return super().forward(x) if x.sum().item() == 0 else x


def test_a_network_that_computes_with_values_is_counted_too():
    """It cannot run on the meta device."""
    assert layer_flops(LooksAtItsInput(3, 4), (3,)) == {"weight": 12}


@torch.inference_mode()
def test_counting_in_inference_mode():
    """The caller's mode does not matter."""
    assert layer_flops(nn.Linear(3, 4), (3,)) == {"weight": 12}


def test_counting_leaves_the_model_alone():
    """No hook, no mode, no statistic changes."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layer_flops(model, (1, 4, 4))
    assert model.training
    assert not model[0]._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_inference_flops():
    """Two for a multiply-add, at the density of the layer."""
    assert inference_flops({"a": 10, "b": 100}) == 220
    assert inference_flops({"a": 10, "b": 100}, {"a": 1.0, "b": 0.1}) == 40


def test_training_flops_are_the_published_formulas():
    """Static: 3 f_S. RigL: (3 f_S dT + 2 f_S + f_D) / (dT + 1), here f_S = 0.4 and dT = 99, relative to 3 f_D."""
    assert training_flops_ratio([1000], [0.4]) == pytest.approx(0.4)
    assert training_flops_ratio([1000], [0.4], 10) == pytest.approx((3 * 0.4 * 99 + 2 * 0.4 + 1) / (3 * 100))
    assert training_flops_ratio([100, 300], [1.0, 0.2]) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("method", "inference", "training"), [("dense", 1, 1), ("static", 0.5, 0.5), ("rigl", 0.5, 0.5 + 1 / 24)]
)
def test_cost_of_a_run(method, inference, training):
    """Eight steps, two of them updates: RigL's dense gradients add (1 - 0.5) / 3 for each."""
    model = nn.Linear(10, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sparsity = 0 if method == "dense" else 0.5
    trainer = SparseTraining(
        model, optimizer, method=method, sparsity=sparsity, total_steps=8, update_interval=3, last_update=1.0
    )
    for _ in range(8):
        optimizer.zero_grad()
        model(torch.ones(1, 10)).sum().backward()
        trainer.step()
    found = cost(trainer, model, (10,))
    assert found == pytest.approx({
        "parameters": 110,
        "nonzero_parameters": 110 - 100 * sparsity,
        "inference_flops": 200 * inference,
        "inference_flops_ratio": inference,
        "training_flops_ratio": training,
    })  # fmt: skip
