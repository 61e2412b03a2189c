"""The list of methods, and the scores of those that choose before training."""

import pytest
import torch
from torch import nn

from dst_robustness.sparsity import METHODS, SparseTraining, options_for


def test_every_method_has_a_name_and_a_label_of_its_own():
    """Tables and figures tell methods apart by their labels."""
    assert METHODS["mest_g"].label == "MEST-g"
    assert len({method.label for method in METHODS.values()}) == len(METHODS)
    assert [name for name in METHODS if METHODS[name].dst] == [
        "granet_r",
        "granet_g",
        "mest_r",
        "mest_g",
        "rigl",
        "set",
    ]


def test_options_of_a_study_reach_the_methods_that_have_them():
    """Options of other methods are left out. Options of no method stay, to be refused or used."""
    options = {"memory_bound": 0.2, "regrown": None, "update_interval": 5}
    assert options_for("mest_r", options) == options
    assert options_for("rigl", options) == {"regrown": None, "update_interval": 5}
    assert options_for("static", options) == {"update_interval": 5}


def start(method, weights, inputs, **options):
    """Return the first masks of a linear model with the loss sum(w x)^2 / 2 for one sample."""
    model = nn.Linear(len(weights), 1, bias=False)
    model.weight.data.copy_(torch.tensor([weights]))
    x = torch.tensor([inputs])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"loss": lambda: model(x).square().sum() / 2, "sparsity": 0.5, "total_steps": 10, **options}
    return SparseTraining(model, optimizer, method=method, **options), model


def test_snip_keeps_the_largest_gradient_times_weight():
    """w x = 1: g = x, so abs(g w) is 0.1, 0.9, 0.3, 0.5: the second and fourth stay."""
    trainer, model = start("snip", [0.1, 0.9, 0.3, -0.5], [1.0, 1.0, 1.0, 1.0])
    assert trainer.masks["weight"].tolist() == [[False, True, False, True]]
    assert model.weight.tolist() == [[0.0, pytest.approx(0.9), 0.0, -0.5]]


def test_grasp_keeps_the_largest_weight_times_curvature():
    """H g = x (x x)(w x) has the sign of x: w (H g) is 0.1, 0.9, 0.3, -0.5 up to a factor: the middle two stay."""
    trainer, _ = start("grasp", [0.1, 0.9, 0.3, -0.5], [1.0, 1.0, 1.0, 1.0])
    assert trainer.masks["weight"].tolist() == [[False, True, True, False]]


def test_choosing_masks_leaves_no_trace_in_the_model():
    """Neither gradients nor the statistics of a norm layer: the batch is not a training step."""
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(8, 4)
    SparseTraining(model, optimizer, method="snip", sparsity=0.5, total_steps=10, loss=lambda: model(x).square().sum())
    assert not model[1].running_mean.any()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("snip", {"loss": None}, "pass loss"),
        ("grasp", {"loss": None}, "pass loss"),
        ("dst_frozen", {}, "pass initial_masks"),
        ("dst_frozen", {"initial_masks": {"other": torch.ones(1, 4)}}, "differ in the layers other, weight"),
        ("dst_frozen", {"initial_masks": {"weight": torch.ones(4, 1)}}, r"is \(4, 1\), the weight \(1, 4\)"),
        (
            "dst_frozen",
            {"initial_masks": {"weight": torch.ones(1, 4)}},
            "hold 4 active weights; the sparsity asks for 2",
        ),
        ("dst_frozen", {"initial_masks": {"weight": torch.full((1, 4), 0.5)}}, "other numbers than 0 and 1"),
        ("static", {"seed": -1}, "seed is -1; allowed: whole numbers from 0 up"),
        ("mest_r", {"memory_bound": -0.5, "update_interval": 1}, "memory_bound is"),
    ],
)
def test_a_method_without_its_data_is_an_error(method, options, message):
    """One line with the values."""
    with pytest.raises(ValueError, match=message):
        start(method, [0.1, 0.9, 0.3, -0.5], [1.0, 1.0, 1.0, 1.0], **options)


def test_frozen_masks_are_those_of_the_finished_run():
    """And stay."""
    mask = torch.tensor([[True, False, False, True]])
    trainer, model = start("dst_frozen", [0.1, 0.9, 0.3, -0.5], [1.0, 1.0, 1.0, 1.0], initial_masks={"weight": mask})
    model.weight.grad = torch.ones(1, 4)
    trainer.step()
    assert torch.equal(trainer.masks["weight"], mask)
    assert not model.weight[~mask].any()


@pytest.mark.parametrize("method", ["dense", "dense_small"])
def test_dense_methods_mask_nothing(method):
    """The small one takes a sparsity, but it is its width that follows."""
    trainer, _ = start(method, [0.1, 0.9], [1.0, 1.0], sparsity=0.5 if method == "dense_small" else 0.0)
    assert trainer.density == trainer.itop_rate == 1
    assert trainer.masks["weight"].all()


def test_shuffled_masks_keep_the_number_of_each_layer_and_follow_the_seed():
    """Layers of 2 of 8 and 6 of 8 stay as dense as they were; another seed shuffles them in another way."""

    def masks(seed: int) -> dict[str, torch.Tensor]:
        model = nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False))
        given = {"0.weight": torch.zeros(2, 4), "1.weight": torch.ones(4, 2)}
        given["0.weight"][0, :2] = 1
        given["1.weight"][0, :] = 0
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        trainer = SparseTraining(
            model, optimizer, method="dst_shuffled", sparsity=0.5, total_steps=10, initial_masks=given, seed=seed
        )
        return trainer.masks

    counts = [{name: int(mask.sum()) for name, mask in masks(seed).items()} for seed in range(4)]
    assert counts == 4 * [{"0.weight": 2, "1.weight": 6}]
    places = {tuple(masks(seed)["0.weight"].flatten().tolist()) for seed in range(8)}
    assert len(places) > 3
    assert all(torch.equal(masks(5)[name], masks(5)[name]) for name in ("0.weight", "1.weight"))
