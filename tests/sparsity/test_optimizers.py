"""Optimisers that are not known to leave zeros alone: masked after each step, or told of."""

import pytest
import torch
from torch import nn

from dst_robustness.sparsity import SparseTraining
from dst_robustness.sparsity.optimizers import keeps_zeros, raise_eps

INPUTS = torch.randn(16, 10, generator=torch.Generator().manual_seed(1))


class Centred(torch.optim.SGD):
    """Moves weights without gradient, though it is derived from one that does not."""

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad -= parameter.grad.mean()
        return super().step(closure)


class Packed(torch.optim.SGD):
    """Remembers something of each weight in a form of its own."""

    def step(self, closure=None):
        super().step(closure)
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["code"] = torch.ones_like(parameter, dtype=torch.uint8)


def matrices(parameters):
    return [parameter for parameter in parameters if parameter.ndim == 2]


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "centred": lambda p: Centred(p, lr=0.01, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
    "AdamW eps 0": lambda p: torch.optim.AdamW(p, lr=0.01, eps=0),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=0.01),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.001, centered=True, momentum=0.9),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01, initial_accumulator_value=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=0.1),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=0.01),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=0.01),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.01),
    "Adafactor": lambda p: torch.optim.Adafactor(p, lr=0.01),
    "Muon": lambda p: torch.optim.Muon(matrices(p), lr=0.01),
    "groups": lambda p: torch.optim.AdamW(
        [{"params": [w], "eps": 10.0 ** -(20 * i)} for i, w in enumerate(p)], lr=0.01
    ),
}


@pytest.mark.filterwarnings("ignore:eps=")
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("method", ["static", "rigl"])
def test_under_any_optimiser_the_inactive_weights_and_their_states_are_zero(method, name):
    """After every step, and no weight is lost to 0/0."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = OPTIMIZERS[name](model.parameters())
    options = {"sparsity": 0.8, "total_steps": 20, "update_interval": 4, "drop_fraction": 0.5}
    trainer = SparseTraining(model, optimizer, method=method, **options)
    for _ in range(20):
        optimizer.zero_grad()
        (model(INPUTS) - 1).square().mean().backward()
        trainer.step()
        assert not any(layer.strays(optimizer) for layer in trainer.network.layers)
    assert trainer.density == 31 / 156
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_exact_classes_are_trusted_and_no_other():
    """A derived class may do anything; a capturable one divides by its learning rate."""
    weights = [nn.Parameter(torch.zeros(2, 2))]
    assert keeps_zeros(torch.optim.AdamW(weights))
    assert not keeps_zeros(torch.optim.AdamW(weights, capturable=True))
    assert not keeps_zeros(Centred(weights, lr=0.1))
    assert not keeps_zeros(torch.optim.Adagrad(weights))


def test_an_eps_that_is_zero_in_the_precision_of_the_weights_is_raised():
    """1e-8 is zero in half precision."""
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(2, 2, dtype=torch.float16))], eps=1e-8)
    with pytest.warns(UserWarning, match="eps=1e-08 makes 0/0"):
        raise_eps(optimizer)
    assert optimizer.param_groups[0]["eps"] == torch.finfo(torch.float16).tiny
    assert torch.optim.AdamW([nn.Parameter(torch.zeros(2, 2))]).param_groups[0]["eps"] == 1e-8


def test_a_grown_weight_gets_the_states_that_do_not_begin_at_zero():
    """Rprop's step size is the learning rate at first, not zero."""
    model = nn.Linear(10, 12, bias=False)
    optimizer = torch.optim.Rprop(model.parameters(), lr=0.01)
    options = {"distribution": "uniform", "total_steps": 3, "update_interval": 2, "last_update": 1.0}
    trainer = SparseTraining(model, optimizer, method="set", sparsity=0.5, regrown="zero", **options)
    for _ in range(2):
        model.weight.grad = torch.ones(12, 10)
        trainer.step()
    active = trainer.masks["weight"]
    sizes = optimizer.state[model.weight]["step_size"]
    assert (sizes[active] >= 0.01).all()
    assert not sizes[~active].any()


def test_a_state_that_cannot_be_zeroed_is_named():
    """A quantised momentum's zero is not the number 0."""
    model = nn.Linear(10, 12)
    optimizer = Packed(model.parameters(), lr=0.1)
    trainer = SparseTraining(model, optimizer, method="set", sparsity=0.5, total_steps=9, update_interval=1)
    model(INPUTS).square().mean().backward()
    with pytest.warns(UserWarning, match=r"Packed\.code \(torch\.uint8\) cannot be zeroed"):
        trainer.step()
