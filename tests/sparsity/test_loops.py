"""The loops that people write: scaled losses, closures, optimisers in optimisers, steps taken by somebody else."""

import gc
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from dst_robustness.sparsity import SparseTraining, gradients, readings

INPUTS = torch.randn(16, 10, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(16) % 3


def start(make=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), method="rigl", **options):
    """Return a model, its optimiser, its trainer and the loss of the one batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 12), nn.Tanh(), nn.Linear(12, 3))
    optimizer = make(model.parameters())
    options = {"sparsity": 0.5, "total_steps": 40, "update_interval": 5} | options
    return model, optimizer, SparseTraining(model, optimizer, method=method, **options), lambda: batch_loss(model)


def batch_loss(model):
    return F.cross_entropy(model(INPUTS), LABELS)


def assert_sparse(trainer):
    """The weights hold what the masks say, and momentum has not moved anything else."""
    for layer in trainer.network.layers:
        assert not layer.strays(trainer.optimizer)
    assert trainer.density == round(0.5 * trainer.network.total) / trainer.network.total


def with_step(trainer, optimizer, scaler):
    trainer.step(scaler=scaler)


def unscaled_before(trainer, optimizer, scaler):
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
    trainer.step(scaler=scaler)


def by_the_scaler(trainer, optimizer, scaler):
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
    scaler.step(optimizer)


@pytest.mark.parametrize("take_step", [with_step, unscaled_before, by_the_scaler])
@pytest.mark.parametrize("fused", [False, True])
def test_an_overflow_leaves_out_the_step_and_its_count(take_step, fused):
    """In each of the usual forms, with weights, momentum and topology as they were; the scale falls."""
    model, optimizer, trainer, loss = start(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, fused=fused))
    scaler = torch.amp.GradScaler("cpu", init_scale=16.0)
    for step in range(12):
        optimizer.zero_grad()
        before = [parameter.clone() for parameter in model.parameters()]
        scaler.scale(loss() * (torch.inf if step in (4, 5) else 1)).backward()
        take_step(trainer, optimizer, scaler)
        scaler.update()
        moved = any(not torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
        assert moved == (step not in (4, 5))
        assert trainer.steps == step + 1 - min(max(step - 3, 0), 2)
    assert scaler.get_scale() == 4.0
    assert [update.step for update in trainer.updates] == [5, 10]
    assert_sparse(trainer)


def test_a_scaled_loss_gives_the_weights_of_an_unscaled_one():
    """Gradients, dense gradients and scores are unscaled, also for MEST, which adds them to the weights."""
    results = []
    for take_step in (None, with_step, by_the_scaler):
        model, optimizer, trainer, loss = start(lambda p: torch.optim.SGD(p, lr=0.1, fused=True), method="mest_g")
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=take_step is not None)
        for _ in range(12):
            optimizer.zero_grad()
            scaler.scale(loss()).backward()
            (take_step or with_step)(trainer, optimizer, scaler)
            scaler.update()
        results.append(trainer.masks["0.weight"])
        torch.testing.assert_close(model[0].weight.detach(), results[0] * model[0].weight.detach())
    assert torch.equal(results[0], results[1])


def test_a_scaler_that_is_given_the_trainer_is_told_what_to_do():
    """It would unscale the gradients a second time."""
    _, _, trainer, loss = start()
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(loss()).backward()
    with pytest.raises(AttributeError, match=r"call step\(scaler=scaler\)"):
        scaler.step(trainer)


def test_a_gradient_that_is_not_finite_is_refused_by_name_or_skipped_and_counted():
    """Before any weight has moved."""
    for non_finite in ("refuse", "skip"):
        model, _, trainer, loss = start(non_finite=non_finite)
        loss().backward()
        model[2].weight.grad[0, 0] = torch.nan
        before = model[0].weight.clone()
        if non_finite == "refuse":
            with pytest.raises(FloatingPointError, match=r"step 1: the gradient of 2\.weight is not finite"):
                trainer.step()
        else:
            trainer.step()
        assert torch.equal(model[0].weight, before)
        assert (trainer.steps, trainer.skipped_steps) == (0, int(non_finite == "skip"))


def test_a_step_of_somebody_else_that_should_be_skipped_is_refused_with_what_to_do():
    """It was told to say non_finite='skip', which it had said."""
    model, optimizer, _, loss = start(non_finite="skip")
    loss().backward()
    model[2].weight.grad[0, 0] = torch.nan
    before = model[0].weight.clone()
    with pytest.raises(FloatingPointError, match=r"step 1: .* only step\(\) of SparseTraining can leave the step out"):
        optimizer.step()
    assert torch.equal(model[0].weight, before)


def test_large_finite_gradients_are_no_reason_to_refuse():
    """Their sum overflows, they do not."""
    model, _, trainer, loss = start(lambda p: torch.optim.SGD(p, lr=0.0))
    loss().backward()
    model[0].weight.grad.fill_(3e38)
    trainer.step()
    assert trainer.steps == 1


@pytest.mark.parametrize("make", [lambda p: torch.optim.SGD(p, lr=0.1), lambda p: torch.optim.LBFGS(p, lr=0.1)])
def test_a_closure_keeps_the_network_sparse(make):
    """This also holds if it is called many times per step, and if the history of steps outlives an update."""
    _, optimizer, trainer, loss = start(make)
    first = loss().item()

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    returned = [trainer.step(closure) if step % 2 else optimizer.step(closure) for step in range(20)]
    assert returned[0].item() == first
    assert loss().item() < first
    assert (trainer.steps, len(trainer.updates)) == (20, 4)
    assert_sparse(trainer)


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimisation (Foret et al., 2021, arXiv:2010.01412) around another optimiser, in two steps."""

    def __init__(self, params, rho=0.05):
        super().__init__(params, {"rho": rho})
        self.base = torch.optim.SGD(self.param_groups, lr=0.1, momentum=0.9)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self):
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["before"] = parameter.clone()
            parameter.add_(parameter.grad, alpha=0.05)
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.data = self.state[parameter]["before"]
        self.base.step()

    def step(self, closure):
        self.first_step()
        closure()
        self.second_step()


@pytest.mark.parametrize("by_closure", [False, True])
def test_the_two_steps_of_sharpness_aware_minimisation_are_one(by_closure):
    """The inner optimiser's momentum is masked too, and each pair of steps counts once."""
    _, optimizer, trainer, loss = start(SAM)
    first = loss().item()
    for _ in range(12):
        optimizer.zero_grad()
        loss().backward()
        if by_closure:
            trainer.step(lambda: loss().backward())
        else:
            optimizer.first_step()
            loss().backward()
            optimizer.second_step()
    assert (trainer.steps, len(trainer.updates)) == (12, 2)
    assert loss().item() < first
    assert_sparse(trainer)
    assert not optimizer.base.state[trainer.network.layers[0].weight]["momentum_buffer"][
        ~trainer.masks["0.weight"]
    ].any()


def test_a_step_of_the_optimiser_by_somebody_else_is_a_step_of_the_trainer():
    """A framework's loop gives the same weights, bit for bit."""
    results = []
    for foreign in (False, True):
        model, optimizer, trainer, loss = start()
        for _ in range(20):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step() if foreign else trainer.step()
        results.append((model[0].weight.detach(), trainer.updates))
    assert torch.equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_steps_after_the_trainer_is_gone_are_told():
    """A trainer that nobody keeps is collected at once, and a framework's steps then train a dense network."""
    _, optimizer, trainer, loss = start()
    del trainer
    gc.collect()
    loss().backward()
    for again in (False, True):
        with nullcontext() if again else pytest.warns(UserWarning, match="SparseTraining of this optimizer is gone"):
            optimizer.step()


def test_the_last_trainer_has_the_optimiser():
    """An earlier one, as of a cell that was run twice, neither masks nor steps."""
    model, optimizer, earlier, loss = start(method="set")
    later = SparseTraining(model, optimizer, method="rigl", sparsity=0.5, total_steps=40, update_interval=5)
    loss().backward()
    optimizer.step()
    assert (earlier.steps, later.steps) == (0, 1)
    with pytest.raises(RuntimeError, match="another SparseTraining"):
        earlier.step()


def test_an_optimiser_of_two_networks_has_one_trainer():
    """A second one, of the other network, would leave the first network dense without a word."""
    first, second = nn.Linear(10, 12), nn.Linear(10, 12)
    optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
    options = {"method": "static", "sparsity": 0.5, "total_steps": 40}
    trainer = SparseTraining(first, optimizer, **options)
    before = second.weight.clone()
    with pytest.raises(ValueError, match="has a SparseTraining of another network already"):
        SparseTraining(second, optimizer, **options)
    assert torch.equal(second.weight, before)
    trainer = SparseTraining(nn.ModuleList([first, second]), optimizer, **options)
    assert list(trainer.masks) == ["0.weight", "1.weight"]


def test_arguments_of_a_step_that_do_not_go_together():
    """A number in the place of the closure, a closure with a scaler, a step that only the trainer can leave out."""
    _, optimizer, trainer, loss = start(step_on_update=False, update_interval=1)
    with pytest.raises(TypeError, match=r"write step\(clip_norm=\.\.\.\)"):
        trainer.step(1.0)
    with pytest.raises(ValueError, match="pass one of the two"):
        trainer.step(loss, scaler=torch.amp.GradScaler("cpu"))
    loss().backward()
    with pytest.raises(RuntimeError, match="step_on_update=False"):
        optimizer.step()


class Waits(TorchDispatchMode):
    """Counts how often the host reads a number from a tensor, which on a GPU waits for all its work."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.fixture
def behind_the_host(monkeypatch):
    """Treat the CPU as a device that works behind the host."""
    for module in (gradients, readings):
        monkeypatch.setattr(module, "runs_ahead", lambda device: True)


@pytest.mark.parametrize("by_trainer", [True, False])
@pytest.mark.parametrize("make", [lambda p: torch.optim.SGD(p, lr=0.1), lambda p: torch.optim.AdamW(p, fused=True)])
def test_a_step_reads_nothing_back_from_a_gpu(behind_the_host, make, by_trainer):
    """With the default for gradients that are not finite, with grown weights too; an update may read."""
    _, optimizer, trainer, loss = start(make)
    for step in range(9):
        optimizer.zero_grad()
        loss().backward()
        with Waits() as waits:
            trainer.step(clip_norm=1.0) if by_trainer else optimizer.step()
        assert waits.count == 0 or step == 4
    assert len(trainer.updates) == 1


@pytest.mark.parametrize("noticed_by", ["step", "state_dict", "density"])
def test_on_a_gpu_a_gradient_that_is_not_finite_is_refused_one_step_later(behind_the_host, noticed_by):
    """By then no weight has followed it: it counted as zero."""
    model, _, trainer, loss = start(lambda p: torch.optim.SGD(p, lr=0.1))
    loss().backward()
    model[2].weight.grad[0, 0] = torch.nan
    before = [parameter.clone() for parameter in model.parameters()]
    trainer.step()
    with pytest.raises(FloatingPointError, match=r"step 1: the gradient of 2\.weight is not finite"):
        {"step": trainer.step, "state_dict": trainer.state_dict, "density": lambda: trainer.density}[noticed_by]()
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


def test_on_a_gpu_an_update_waits_for_its_gradients(behind_the_host):
    """Growing where the gradients are zero, because they were not finite, would be a choice by index."""
    _, _, trainer, loss = start(update_interval=1)
    (loss() * torch.nan).backward()
    with pytest.raises(FloatingPointError, match="step 1"):
        trainer.step()
    assert not trainer.updates
