"""Weights that something other than the trainer has written are noticed at the next step, by every method."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from dst_robustness.sparsity import SparseTraining


def start(method="static", make=lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9), steps=3, **options):
    model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5))
    optimizer = make(model.parameters())
    inputs = torch.randn(8, 20)
    options = {"sparsity": 0.8, "total_steps": 40, "update_interval": 10, "last_update": 0.5} | options
    trainer = SparseTraining(model, optimizer, method=method, loss=lambda: model(inputs).square().sum(), **options)

    def step():
        optimizer.zero_grad()
        model(inputs).square().sum().backward()
        trainer.step(clip_norm=1.0)

    for _ in range(steps):
        step()
    return model, optimizer, trainer, step


def load(model, optimizer):
    model.load_state_dict(nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5)).state_dict())


def load_data(model, optimizer):
    for parameter in model.parameters():
        parameter.data.copy_(torch.ones_like(parameter))


def load_one_layer(model, optimizer):
    with torch.no_grad():
        model[2].weight.add_(1.0)


def load_optimizer(model, optimizer):
    other = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5))
    states = torch.optim.SGD(other.parameters(), lr=0.05, momentum=0.9)
    other(torch.randn(8, 20)).square().sum().backward()
    states.step()
    optimizer.load_state_dict(states.state_dict())


@pytest.mark.parametrize("change", [load, load_data, load_one_layer, load_optimizer])
@pytest.mark.parametrize("method", ["static", "snip", "rigl"])
def test_what_was_loaded_after_the_masks_is_noticed_at_the_next_step(method, change):
    """Before it is trained on; rigl has no update after step 20 that would notice."""
    model, optimizer, _, step = start(method, steps=25 if method == "rigl" else 3)
    change(model, optimizer)
    with pytest.raises(RuntimeError, match=r"weight: \d+ inactive weights or their optimiser states are not zero"):
        step()


def test_the_density_is_never_one_that_the_weights_belie():
    """Asked for between two steps."""
    model, optimizer, trainer, step = start()
    load(model, optimizer)
    with pytest.raises(RuntimeError, match="call apply_masks"):
        _ = trainer.density
    trainer.apply_masks()
    step()
    assert trainer.density == 0.2
    assert sum(int(model[i].weight.count_nonzero()) for i in (0, 2)) <= 200


def test_the_weights_of_another_topology_are_noticed():
    """The best weights of an earlier step have as many active weights, but at other places."""
    model, _, _, step = start("rigl", steps=5)
    best = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(30):
        step()
    model.load_state_dict(best)
    with pytest.raises(RuntimeError, match="inactive weights"):
        step()


def test_a_writing_through_data_into_one_layer_is_noticed_within_a_round():
    """It leaves no trace; one layer is looked at in each step."""
    model, _, _, step = start()
    model[0].weight.data.fill_(1.0)
    with pytest.raises(RuntimeError, match=r"0\.weight"):
        [step() for _ in range(2)]


def test_a_weight_that_was_replaced_is_noticed():
    """The optimiser and the masks would go on with the old one."""
    model, _, _, step = start()
    model.load_state_dict(model.state_dict(), assign=True)
    with pytest.raises(RuntimeError, match=r"0\.weight is another tensor"):
        step()


def test_weights_that_are_swapped_for_an_evaluation_and_back_are_fine():
    """Averaged weights are swapped like this."""
    model, _, trainer, step = start()
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    average = torch.optim.swa_utils.AveragedModel(model)
    with torch.no_grad():
        average.module[0].weight.add_(1.0)
    with pytest.raises(ValueError, match=r"no copy of the model: it has no 0\.weight"):
        trainer.mask_average(nn.Linear(3, 3))
    wider = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(50, 5))
    before = wider[0].weight.clone()
    with pytest.raises(ValueError, match=r"no copy of the model: it has no 2\.weight \[5, 40\]"):
        trainer.mask_average(wider)
    assert torch.equal(wider[0].weight, before)
    trainer.mask_average(average)
    assert not average.module[0].weight[~trainer.masks["0.weight"]].any()
    model.load_state_dict(average.module.state_dict())
    model.load_state_dict(kept)
    step()
    assert trainer.steps == 4


def test_a_layer_that_is_trained_only_later_is_named():
    """Gradual unfreezing does this. The layer has no mask, and the density does not include it."""
    model = nn.Sequential(nn.Linear(20, 40), nn.Linear(40, 5))
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = SparseTraining(model, optimizer, method="static", sparsity=0.5, total_steps=9)
    model[0].requires_grad_(True)
    for step in range(2):
        model(torch.randn(8, 20)).square().mean().backward()
        with pytest.warns(UserWarning, match=r"^0\.weight: nothing trained this") if not step else nullcontext():
            trainer.step()


def test_a_layer_that_is_added_later_is_named():
    """The next classes, or a deeper network. Without a word the stated density would be of a part of the network."""
    model, optimizer, trainer, step = start()
    model.append(nn.Linear(5, 30))
    optimizer.add_param_group({"params": model[3].parameters()})
    for again in (False, True):
        with nullcontext() if again else pytest.warns(UserWarning, match=r"^3\.weight: the optimizer got this after"):
            step()
    assert list(trainer.masks) == ["0.weight", "2.weight"]
