"""What may differ between the training that was saved and the one that goes on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dst_robustness.sparsity import SparseTraining


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))


def trainer(model, optimizer, **options):
    given = {"method": "rigl", "sparsity": 0.5, "total_steps": 40, "update_interval": 4, **options}
    return SparseTraining(model, optimizer, **given)


def steps(model, training, count):
    for _ in range(count):
        training.optimizer.zero_grad()
        model(torch.randn(16, 8)).square().mean().backward()
        training.step()


def test_the_order_of_excluded_names_does_not_matter():
    """A set of names has another order in each process, and its checkpoint was then refused."""
    names = ["0.weight", "4.weight"]
    saved, going_on = (
        trainer(model, torch.optim.SGD(model.parameters(), lr=0.1), exclude=order)
        for model, order in ((network(), names), (network(), names[::-1]))
    )
    going_on.load_state_dict(saved.state_dict())
    assert going_on.density == 0.5


def test_a_training_may_go_on_with_another_optimiser():
    """SGD keeps no ages; Adam then begins with moments, and ages, that are all new."""
    model = network()
    saved = trainer(model, torch.optim.SGD(model.parameters(), lr=0.1))
    steps(model, saved, 10)
    going_on = trainer(model, torch.optim.AdamW(model.parameters(), lr=0.01))
    going_on.load_state_dict(saved.state_dict())
    going_on.apply_masks()
    steps(model, going_on, 10)
    assert going_on.steps == 20
    assert len(going_on.updates) == 5
    assert going_on.density == 0.5


def test_a_checkpoint_of_another_network_changes_nothing():
    """Of as many weights in another shape, its masks would fit in number and be those of other connections."""
    saved, other = (
        trainer(model, torch.optim.SGD(model.parameters(), lr=0.1))
        for model in (nn.Sequential(nn.Linear(8, 16)), nn.Sequential(nn.Linear(16, 8)))
    )
    masks = other.masks["0.weight"]
    with pytest.raises(ValueError, match=r"another network: 0\.weight is \[16, 8\] there, \[8, 16\] here"):
        other.load_state_dict(saved.state_dict() | {"steps": 3})
    assert other.steps == 0
    assert torch.equal(other.masks["0.weight"], masks)
    with pytest.raises(ValueError, match="no state of a SparseTraining; it holds model, sparse"):
        other.load_state_dict({"model": {}, "sparse": saved.state_dict()})
