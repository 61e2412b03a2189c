"""Densities of layers: the published networks to four digits, and what must hold for any network."""

import math

import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dst_robustness.models import build_model
from dst_robustness.sparsity import layer_densities
from dst_robustness.sparsity.distributions import distribute, layer_counts
from dst_robustness.sparsity.flops import inference_flops, layer_flops
from dst_robustness.sparsity.maskable import maskable_weights

DENSITIES = (0.9, 0.7, 0.6, 0.5, 0.3, 0.2, 0.1, 0.05)
# name -> builder, pixels, maskable weights, multiply-adds
NETWORKS = {
    "resnet50": (lambda: torchvision.models.resnet50(), 224, 25_502_912, 4.0892e9),
    "vgg16": (lambda: build_model("vgg16", 10), 32, 14_715_584, 3.1320e8),
    "resnet34": (lambda: build_model("resnet34", 100), 32, 21_311_168, 1.1594e9),
    "resnet18": (lambda: build_model("resnet18", 100), 32, 11_210_432, 5.5547e8),
    "efficientnet_b0": (lambda: torchvision.models.efficientnet_b0(num_classes=200), 64, 4_212_192, 3.222e7),
    "deit_base": (lambda: timm.create_model("deit_base_patch16_224"), 224, 86_292_480, 1.685e10),
}
# Multiply-adds of the sparse network relative to the dense one, at each of DENSITIES under ERK.
RATIOS = {
    "resnet50": [0.9694, 0.8490, 0.7735, 0.7143, 0.5324, 0.4138, 0.2418, 0.1217],
    "vgg16": [0.9587, 0.8746, 0.8288, 0.7540, 0.5755, 0.4423, 0.2435, 0.1240],
    "resnet34": [0.9706, 0.9085, 0.8358, 0.7631, 0.5676, 0.4357, 0.2122, 0.1056],
    "resnet18": [0.9677, 0.9031, 0.8553, 0.7952, 0.6290, 0.5036, 0.2390, 0.1186],
    "efficientnet_b0": [0.9502, 0.8535, 0.7709, 0.6739, 0.4954, 0.3799, 0.2094, 0.1046],
    "deit_base": [0.8991, 0.6979, 0.5983, 0.4986, 0.2991, 0.1994, 0.0997, 0.0499],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_erk_saves_the_published_share_of_multiply_adds(name):
    """Maskable weights, dense multiply-adds and their share at eight densities, four digits."""
    build, pixels, weights, multiply_adds = NETWORKS[name]
    with torch.device("meta"):
        model = build()
    amounts = layer_flops(model, (3, pixels, pixels))
    dense = inference_flops(amounts)
    assert sum(weight.numel() for weight in maskable_weights(model).values()) == weights
    assert dense / 2 == pytest.approx(multiply_adds, rel=2e-4)
    found = [inference_flops(amounts, layer_densities(model, 1 - density)) / dense for density in DENSITIES]
    assert [round(ratio, 4) for ratio in found] == RATIOS[name]


def test_erk_densities_of_resnet50_at_sparsity_08():
    """The densities of layers that RigL's authors publish."""
    with torch.device("meta"):
        densities = layer_densities(torchvision.models.resnet50(), 0.8)
    expected = {
        "conv1.weight": 0.857,
        "layer1.2.conv2.weight": 0.362,
        "layer2.0.conv2.weight": 0.177,
        "layer3.5.conv2.weight": 0.087,
        "layer4.1.conv2.weight": 0.0435,
        "fc.weight": 0.148,
    }
    assert {name: densities[name] for name in expected} == pytest.approx(expected, abs=6e-4)


def test_er_and_erk_raw_weights_by_hand():
    """At density 0.5 of shapes (4, 6) and (8, 12): eps ((4+6) + (8+12)) = 60, capped at the small layer."""
    densities = distribute({"small": (4, 6), "large": (8, 12)}, 0.3, "er")
    assert densities == pytest.approx({"small": 12 / 24, "large": 24 / 96})
    erk = distribute({"kernel": (4, 2, 3, 3), "linear": (10, 10)}, 0.1, "erk")
    eps = 0.1 * 172 / (12 + 20)
    assert erk == pytest.approx({"kernel": eps * 12 / 72, "linear": eps * 20 / 100})


def test_uniform_with_a_dense_first_layer_is_exact_in_total():
    """The others are thinned so that the total is what was asked for."""
    shapes = {"first": (10, 10), "second": (10, 10), "third": (20, 10)}
    assert distribute(shapes, 0.5, "uniform", {"first"}) == pytest.approx(
        {"first": 1.0, "second": 1 / 3, "third": 1 / 3}
    )


def test_dense_layers_over_the_budget_are_an_error_with_the_values():
    """Half of the weights are forced dense, so 0.5 is the limit."""
    with pytest.raises(ValueError, match=r"sparsity 0\.6 cannot be met .*\(first\) hold 0\.5000"):
        distribute({"first": (10, 10), "second": (10, 10)}, 0.4, "uniform", {"first"})


def test_a_layer_without_any_weight_is_an_error():
    """Two weights at density 0.05 round to none."""
    with pytest.raises(ValueError, match=r"leaves no weight in tiny \(2 weights\)"):
        layer_counts({"tiny": (2, 1), "large": (100, 100)}, 0.05, "uniform")


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 1.5, float("nan")])
def test_sparsity_out_of_range(sparsity):
    """At sparsity 1 nothing is left to train."""
    with pytest.raises(ValueError, match="sparsity is"):
        layer_densities(nn.Linear(3, 3), sparsity)


def test_unknown_distribution_names_the_nearest():
    """One line that says what is allowed."""
    with pytest.raises(ValueError, match="Did you mean 'uniform'"):
        layer_densities(nn.Linear(3, 3), 0.5, "unifrom")


shapes = st.lists(st.tuples(*[st.integers(1, 9)] * 4), min_size=1, max_size=6)


@settings(deadline=None)
@given(shapes, st.floats(0.02, 1), st.sampled_from(["uniform", "er", "erk"]))
def test_every_distribution_meets_the_density(sizes, density, distribution):
    """No layer above 1, none below 0, and the sum of all is the density asked for."""
    named = {f"layer{i}": shape for i, shape in enumerate(sizes)}
    total = sum(math.prod(shape) for shape in sizes)
    densities = distribute(named, density, distribution)
    assert all(0 < d <= 1 + 1e-12 for d in densities.values())
    assert sum(densities[name] * math.prod(shape) for name, shape in named.items()) == pytest.approx(density * total)
