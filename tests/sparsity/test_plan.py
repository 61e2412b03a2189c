"""How a training starts and continues: given masks, layers that are not trained, a longer training."""

import io
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dst_robustness.models import build_model
from dst_robustness.sparsity import SparseTraining
from dst_robustness.sparsity.methods.gmp import GMP
from dst_robustness.sparsity.plan import proportional_counts

INPUTS = torch.randn(16, 20, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(16) % 5


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5))


def start(method="rigl", model=None, **options):
    """Return the trainer, and a function that takes a number of steps."""
    model = model or network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    options = {"sparsity": 0.5, "total_steps": 40, "update_interval": 5} | options
    trainer = SparseTraining(
        model, optimizer, method=method, loss=lambda: F.cross_entropy(model(INPUTS), LABELS), **options
    )

    def steps(count):
        for _ in range(count):
            optimizer.zero_grad()
            F.cross_entropy(model(INPUTS), LABELS).backward()
            trainer.step()

    return trainer, steps


def halves(first=0.75, second=0.25, odd=0):
    """Return masks of the first shares of either layer; with these shares 650 of 1000 weights are active."""
    masks = {"0.weight": torch.zeros(40, 20, dtype=torch.bool), "2.weight": torch.zeros(5, 40, dtype=torch.bool)}
    masks["0.weight"].view(-1)[: round(800 * first) + odd] = True
    masks["2.weight"].view(-1)[: round(200 * second)] = True
    return masks


@pytest.mark.parametrize("method", ["static", "set", "rigl", "mest_r", "mest_g", "granet_r", "granet_g", "gmp"])
def test_every_method_starts_from_the_masks_it_is_given(method):
    """And keeps their share of each layer where each layer has one; the end is as dense as was asked for."""
    trainer, steps = start(method, initial_masks=halves(), sparsity=0.35)
    assert all(torch.equal(mask, halves()[name]) for name, mask in trainer.masks.items())
    steps(40)
    assert trainer.density == 0.65
    if method not in ("granet_r", "granet_g", "gmp"):
        assert [int(mask.sum()) for mask in trainer.masks.values()] == [600, 50]


@pytest.mark.parametrize("method", ["granet_g", "gmp"])
def test_pruning_starts_at_the_density_of_the_masks(method):
    """Its usual initial density only counts if the user asks for it."""
    trainer, steps = start(method, initial_masks=halves(), sparsity=0.8)
    assert trainer.density == 0.65
    steps(40)
    assert trainer.density == 0.2
    with pytest.raises(ValueError, match="initial_masks hold 650 active weights; the sparsity asks for 200 or 900"):
        start(method, initial_masks=halves(), sparsity=0.8, initial_density=0.9)
    with pytest.raises(ValueError, match=r"initial_density is 0\.65; allowed: from the target density 0\.9"):
        start(GMP(), initial_masks=halves(), sparsity=0.1)


@pytest.mark.parametrize(
    ("method", "masks", "message"),
    [
        ("snip", halves(), "method 'snip' chooses its masks by the loss and takes no initial_masks"),
        ("dense_small", halves(), "method 'dense_small' masks nothing and takes no initial_masks"),
        ("rigl", halves(odd=1), "initial_masks hold 651 active weights; the sparsity asks for 650"),
        ("rigl", halves(second=0), r"initial_masks leave no weight in 2\.weight"),
    ],
)
def test_masks_that_cannot_be_used_are_refused(method, masks, message):
    """None is ignored without a word."""
    with pytest.raises(ValueError, match=message):
        start(method, initial_masks=masks, sparsity=0.35)


def test_counts_in_proportion_to_masks():
    """600 and 50 of 650 at twice the density: the first layer is full at 800, the second takes what is left."""
    flat = {name: mask.view(-1) for name, mask in halves().items()}
    assert proportional_counts(flat, 0.65) == {"0.weight": 600, "2.weight": 50}
    assert proportional_counts(flat, 0.325) == {"0.weight": 300, "2.weight": 25}
    assert proportional_counts(flat, 0.9) == {"0.weight": 800, "2.weight": 100}


@pytest.mark.parametrize("method", ["rigl", "set", "mest_g", "granet_g", "gmp"])
def test_a_layer_without_a_gradient_grows_nothing(method):
    """It is pruned where the budget asks for it, and is else left alone; once it is trained again, it joins in."""
    trainer, steps = start(method, sparsity=0.5, distribution="uniform")
    model = trainer.model
    model[0].requires_grad_(False)
    model[0].weight.grad = None
    before = trainer.masks["0.weight"]
    steps(5)
    assert not (trainer.masks["0.weight"] & ~before).any()
    assert trainer.network.densities["2.weight"] > 0
    model[0].requires_grad_(True)
    steps(35)
    assert trainer.density == 0.5


@pytest.mark.parametrize("method", ["set", "rigl", "mest_g", "granet_g", "gmp", "static"])
@pytest.mark.parametrize("done", [17, 40])
def test_a_longer_training_goes_on_from_a_running_or_finished_one(method, done):
    """The schedules are those of the new length; what was pruned stays pruned, and the end is as dense as planned."""
    trainer, steps = start(method)
    steps(done)
    density, state = trainer.density, trainer.state_dict()
    longer, more = start(method, model=trainer.model, total_steps=80)
    longer.load_state_dict(state)
    assert longer.steps == done
    for _ in range(80 - done):
        more(1)
        assert longer.density <= max(density, 0.55)
    assert longer.density == 0.5
    if method != "static":
        assert longer.updates[-1].step == 55
    with pytest.raises(ValueError, match="total_steps: 80 there, 40 here"):
        start(method)[0].load_state_dict(longer.state_dict())


def test_what_is_saved_is_read_with_weights_only_whatever_numbers_it_was_given():
    """Numpy's numbers and tuples are those of Python and lists."""
    exact = {"seed": 3, "total_steps": 40, "sparsity": 0.5, "drop_fraction": 0.3, "memory_bound": [0.5, 0.0]}
    odd = {
        "seed": np.int64(3),
        "total_steps": np.int32(40),
        "sparsity": np.float64(0.5),
        "drop_fraction": torch.tensor(0.3, dtype=torch.float64),
        "memory_bound": (np.float64(0.5), 0),
        "dense_last": np.bool_(False),
    }
    trainer, steps = start("mest_g", **odd)
    steps(12)
    file = io.BytesIO()
    torch.save(trainer.state_dict(), file)
    file.seek(0)
    resumed, _ = start("mest_g", **exact)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.updates == trainer.updates


def test_a_layer_that_the_scores_would_empty_is_named_and_kept():
    """It keeps as many weights as it has outputs, within the wanted density."""
    model = network()
    with torch.no_grad():
        model[2].weight.mul_(1e-12)
    with pytest.warns(UserWarning, match=r"no weight left in (0|2)\.weight"):
        trainer, _ = start("grasp", model=model, sparsity=0.95)
    assert min(trainer.network.densities.values()) > 0
    assert trainer.density == 0.05


def test_a_layer_that_an_update_would_empty_is_in_its_record():
    """GMP comes to it late."""
    model = network()
    with torch.no_grad():
        model[2].weight.mul_(1e-12)
    trainer, steps = start("gmp", model=model, sparsity=0.9)
    for group in trainer.optimizer.param_groups:
        group["lr"] = 0.0
    with pytest.warns(UserWarning, match=r"no weight left in 2\.weight"):
        steps(40)
    assert trainer.updates[-1].kept == ["2.weight"]
    assert trainer.network.layers[1].active == 5


def test_scores_before_training_work_through_attention_and_name_layers_without_gradient():
    """GraSP needs second derivatives, which the fast kernels of attention lack."""
    images, labels = torch.randn(2, 3, 32, 32), torch.arange(2)
    model = build_model("deit_tiny", 5, image_size=32)
    optimizer = torch.optim.AdamW(model.parameters())
    options = {"sparsity": 0.5, "total_steps": 10, "loss": lambda: F.cross_entropy(model(images), labels)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SparseTraining(model, optimizer, method="grasp", **options)
    unused = nn.ModuleDict({"used": nn.Linear(20, 5), "idle": nn.Linear(20, 5)})
    optimizer = torch.optim.SGD(unused.parameters(), lr=0.1)
    options["loss"] = lambda: F.cross_entropy(unused["used"](INPUTS), LABELS)
    for method in ("snip", "grasp"):
        with pytest.raises(ValueError, match=r"the loss does not depend on idle\.weight"):
            SparseTraining(unused, optimizer, method=method, **options)


def test_a_report_says_what_is_masked_what_it_costs_and_what_is_left_out(capsys):
    """By weight: shape, active, density, FLOPs."""
    model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5), nn.Linear(5, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"sparsity": 0.5, "distribution": "uniform", "exclude": ["3.*"], "total_steps": 200}
    trainer = SparseTraining(model, optimizer, method="rigl", **options)
    trainer.report((20,))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "RigL, step 0: 500 of 1,000 maskable weights are active, density 0.5000"
    assert lines[2].split() == ["0.weight", "40", "x", "20", "400", "0.5000", "0.001"]
    assert lines[4].split() == ["3.weight", "5", "x", "5", "25", "dense", "0.000", "(excluded)"]
    assert lines[5] == "0.002 MFLOPs dense, 0.001 sparse, 0.5122 of the dense network's"
    trainer.report()
    assert "MFLOPs" not in capsys.readouterr().out
