"""Adam's bias correction by a weight's own age: a grown weight is trained as a new optimiser would train it."""

import copy

import pytest
import torch
from torch import nn

from dst_robustness.sparsity import SparseTraining, ages

RATE, WARM = 0.01, 60  # enough steps for Adam's first count to be far from a new one's
OPTIMIZERS = {
    "Adam": lambda p: torch.optim.Adam(p, lr=RATE, weight_decay=0.1),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, lr=RATE, amsgrad=True),
    "Adam maximize": lambda p: torch.optim.Adam(p, lr=RATE, maximize=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=RATE, weight_decay=0.1),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=RATE, foreach=True),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=RATE, fused=True),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=RATE),
    "NAdam decay": lambda p: torch.optim.NAdam(p, lr=RATE, weight_decay=0.1, maximize=True),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=RATE, betas=(0.8, 0.9)),  # adaptive from the tenth step on
}


def gradient(step):
    """Return the gradient of a step, [4, 8]: random, but the same whatever the weights are."""
    return torch.randn(4, 8, generator=torch.Generator().manual_seed(step)) * 10.0 ** (step % 3 - 2)


def grown(make, method="set", part=False, **options):
    """Return the layer, the trainer, and which weights were grown by the one update, after WARM steps.

    With ``part`` the weight is a part of a larger tensor, which no flat tensor can show.
    """
    torch.manual_seed(0)
    layer = nn.Linear(8, 4, bias=False)
    if part:
        layer.weight = nn.Parameter(torch.randn(4, 12)[:, :8])
    optimizer = make(layer.parameters())
    options = {"update_interval": WARM, "total_steps": WARM + 1, "last_update": 1.0} | options
    options |= {"sparsity": 0.5, "drop_schedule": "constant"}
    trainer = SparseTraining(layer, optimizer, method=method, regrown="zero", distribution="uniform", **options)
    before = trainer.masks["weight"]
    for step in range(WARM):
        layer.weight.grad = gradient(step)
        trainer.step()
    new = trainer.masks["weight"] & ((layer.weight == 0) | ~before)
    assert new.sum() == trainer.updates[0].grown > 0
    return layer, trainer, new


@pytest.mark.parametrize(("name", "part"), [*((name, False) for name in OPTIMIZERS), ("AdamW", True)])
def test_a_grown_weight_steps_as_under_a_new_optimiser(name, part):
    """Twenty steps after the update, to float tolerance; the plain form is far off."""
    for grown_state, tolerance in (("own age", 2e-5), ("plain", None)):
        layer, trainer, new = grown(OPTIMIZERS[name], part=part, grown_state=grown_state)
        twin = nn.Linear(8, 4, bias=False)
        twin.load_state_dict(layer.state_dict())
        fresh = OPTIMIZERS[name](twin.parameters())
        for step in range(WARM, WARM + 20):
            layer.weight.grad, twin.weight.grad = gradient(step), gradient(step)
            trainer.step()
            fresh.step()
        error = (layer.weight - twin.weight)[new].abs().max() / RATE
        assert error < tolerance if tolerance else error > 0.1


@pytest.mark.parametrize("name", ["Adam", "AdamW", "AdamW fused"])
def test_the_first_update_of_a_grown_weight_is_at_most_the_learning_rate(name):
    """A constant gradient gives exactly the rate; the plain form gives more after WARM steps with other gradients."""
    layer, trainer, new = grown(OPTIMIZERS[name])
    layer.weight.grad = gradient(7)
    trainer.step()
    assert (layer.weight[new].abs() <= RATE * (1 + 1e-5)).all()
    assert layer.weight[new].any()


def test_weights_that_were_there_from_the_start_keep_the_updates_of_the_optimiser():
    """Bit for bit: their age is that of the optimiser."""
    (aged, one, new), (plain, other, _) = (grown(OPTIMIZERS["AdamW"], grown_state=s) for s in ("own age", "plain"))
    for trainer, layer in ((one, aged), (other, plain)):
        layer.weight.grad = gradient(7)
        trainer.step()
    assert torch.equal(aged.weight[~new], plain.weight[~new])
    assert not torch.equal(aged.weight[new], plain.weight[new])


def test_a_warm_up_lets_the_rate_of_a_grown_weight_rise():
    """A quarter of the rate in the first of four steps."""
    full, warmed = (grown(OPTIMIZERS["AdamW"], grown_warmup=steps) for steps in (0, 4))
    for layer, trainer, _ in (full, warmed):
        layer.weight.grad = gradient(7)
        trainer.step()
    new = full[2]
    torch.testing.assert_close(warmed[0].weight[new] * 4, full[0].weight[new])


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (4, 1, 3, 3), (4, 3, 1, 1)])
def test_ages_are_the_same_in_any_memory_layout(shape):
    """Convolutions in channels_last, or turned into it on the way; those too whose strides do not decide the layout."""
    results = []
    for layout, later in (
        (torch.contiguous_format, torch.contiguous_format),
        (torch.channels_last, torch.channels_last),
        (torch.contiguous_format, torch.channels_last),
    ):
        torch.manual_seed(0)
        layer = nn.Conv2d(shape[1], shape[0], shape[2], bias=False).to(memory_format=layout)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE)
        trainer = SparseTraining(layer, optimizer, method="set", sparsity=0.5, total_steps=20, update_interval=4)
        for step in range(20):
            if step == 10:
                layer.to(memory_format=later)
            drawn = torch.randn(shape, generator=torch.Generator().manual_seed(step))
            layer.weight.grad = drawn.contiguous(memory_format=layout if step < 10 else later)
            trainer.step()
        results.append(layer.weight.detach().contiguous())
    for result in results[1:]:
        torch.testing.assert_close(result, results[0])


def test_layers_may_be_corrected_one_by_one_or_in_one_go(monkeypatch):
    """A CPU takes the first form, a GPU the second. Layers without a gradient are left out in some steps."""
    results = []
    for together in (lambda layers: [[layer] for layer in layers], lambda layers: [layers] if layers else []):
        monkeypatch.setattr(ages, "_taken_together", together)
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(4, 3, 3).to(memory_format=torch.channels_last), nn.Linear(8, 4))
        optimizer = torch.optim.NAdam(network.parameters(), lr=RATE)
        options = {"sparsity": 0.5, "distribution": "uniform", "total_steps": 20, "update_interval": 4}
        trainer = SparseTraining(network, optimizer, method="set", **options)
        for step in range(20):
            draw = torch.Generator().manual_seed(step)
            for parameter in network.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=draw)
            if step % 3 == 2:
                network[0].weight.grad = None
            trainer.step()
        results.append([parameter.detach() for parameter in network.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_a_schedule_of_beta1_changes_the_correction_and_fills_no_memory():
    """OneCycleLR makes such a schedule. torch corrects by the present beta1, and so do ages."""
    layer, trainer, new = grown(OPTIMIZERS["AdamW"])
    for step in range(40):
        trainer.optimizer.param_groups[0]["betas"] = (0.85 + 0.001 * step, 0.999)
        layer.weight.grad = gradient(step)
        trainer.step()
    assert layer.weight[new].isfinite().all()
    assert ages._factors_on.cache_info().currsize <= 16


def test_ages_survive_a_resume_bit_for_bit():
    """The weights of a resumed run step on as they would have."""
    layer, trainer, _ = grown(OPTIMIZERS["AdamW"], total_steps=2 * WARM)
    saved = copy.deepcopy((layer.state_dict(), trainer.optimizer.state_dict(), trainer.state_dict()))
    other, resumed, _ = grown(OPTIMIZERS["AdamW"], total_steps=2 * WARM)
    for part, state in zip((other, resumed.optimizer, resumed), saved, strict=True):
        part.load_state_dict(state)
    for group in (*trainer.optimizer.param_groups, *resumed.optimizer.param_groups):
        group["lr"] = RATE / 2
    for step in range(5):
        for weight, each in ((layer.weight, trainer), (other.weight, resumed)):
            weight.grad = gradient(step)
            each.step()
    assert torch.equal(layer.weight, other.weight)


def test_an_optimiser_whose_correction_is_not_known_is_named():
    """A class derived from Adam may step in another way."""
    layer = nn.Linear(8, 4)
    derived = type("Derived", (torch.optim.Adam,), {})(layer.parameters())
    options = {"method": "set", "sparsity": 0.5, "total_steps": 200}
    with pytest.warns(UserWarning, match="Derived: how it corrects its moments is not known"):
        SparseTraining(layer, derived, **options)
    with pytest.raises(ValueError, match="grown_warmup works with Adam, AdamW, NAdam, RAdam, not with SGD"):
        SparseTraining(layer, torch.optim.SGD(layer.parameters(), lr=0.1), grown_warmup=5, **options)
