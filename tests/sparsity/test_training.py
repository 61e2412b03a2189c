"""The object that the loop calls: what must hold after every single step, for every method."""

import copy
import io
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dst_robustness.sparsity import METHODS, SparseTraining
from dst_robustness.sparsity.methods.mest import MestGradient
from dst_robustness.sparsity.methods.rigl import RigL

STEPS = 24
IMAGES = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(8) % 4
SPARSE = [name for name in METHODS if name not in ("dense", "dense_small", "dst_frozen", "dst_shuffled")]
DYNAMIC = [name for name in SPARSE if METHODS[name].dynamic]
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.05),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01, initial_accumulator_value=0.1),
}


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.Flatten(), nn.Linear(128, 4)
    )


def train(method="rigl", optimizer="sgd", steps=STEPS, sparsity=0.5, model=None, **options):
    """Return (model, optimizer, trainer) and a function that takes one step."""
    model = model or network()
    opt = OPTIMIZERS[optimizer](model.parameters())

    def loss():
        return F.cross_entropy(model(IMAGES), LABELS)

    options = {"total_steps": STEPS, "update_interval": 4, "seed": 3, **options}
    trainer = SparseTraining(model, opt, method=method, sparsity=sparsity, loss=loss, **options)

    def step():
        opt.zero_grad()
        loss().backward()
        trainer.step()

    for _ in range(steps):
        step()
    return model, opt, trainer, step


def assert_exact(trainer, optimizer):
    """Density as scheduled; inactive weights and their states zero; counts as the masks say."""
    active = 0
    for name, mask in trainer.masks.items():
        weight = trainer.network.weights[name]
        active += int(mask.sum())
        assert not weight[~mask].any()
        for state in optimizer.state[weight].values():
            if torch.is_tensor(state) and state.shape == weight.shape:
                assert not state[~mask].any()
    total = trainer.network.total
    updates = [step for step in (trainer.plan.schedule.steps if trainer.plan.schedule else ()) if step <= trainer.steps]
    assert active == round(trainer.plan.budget.at(updates[-1] if updates else 0) * total)
    assert trainer.density == active / total


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("method", SPARSE)
def test_after_every_step_density_is_exact_and_the_inactive_are_zero(method, optimizer):
    """The invariant of the whole package, at every step of a training, updates included."""
    _, opt, trainer, step = train(method, optimizer, steps=0)
    assert_exact(trainer, opt)
    for _ in range(STEPS):
        step()
        assert_exact(trainer, opt)
    assert trainer.density == pytest.approx(0.5, abs=1e-3)


@given(
    st.sampled_from(DYNAMIC),
    st.sampled_from(["erk", "er", "uniform"]),
    st.floats(0.05, 0.9),
    st.floats(0, 0.95),
    st.booleans(),
    st.sampled_from(["keep", "zero", None]),
)
@settings(max_examples=25, deadline=None)
def test_any_configuration_keeps_the_invariants(method, distribution, sparsity, drop_fraction, dense_last, regrown):
    """Methods x distributions x sparsities x drop fractions."""
    try:
        _, opt, trainer, step = train(
            method,
            steps=0,
            sparsity=sparsity,
            distribution=distribution,
            drop_fraction=drop_fraction,
            dense_last=dense_last,
            **({"regrown": regrown} if METHODS[method].dst else {}),
            total_steps=8,
            update_interval=2,
            last_update=1.0,
        )
    except ValueError as error:
        assert "cannot be met" in str(error)  # noqa: PT017 - the only error that is allowed here
        return
    for _ in range(8):
        step()
        assert_exact(trainer, opt)
    assert trainer.density == round((1 - sparsity) * trainer.network.total) / trainer.network.total


@pytest.mark.parametrize("method", DYNAMIC)
def test_masks_do_change(method):
    """A topology that never moves is a static one under another name."""
    _, _, before, _ = train(method, steps=0)
    _, _, after, _ = train(method)
    assert any((before.masks[name] != mask).any() for name, mask in after.masks.items())
    assert len(after.updates) == 4
    assert after.itop_rate > 0.5 or method == "gmp"


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_drop_and_grow_counts_are_the_schedules(method):
    """Each layer replaces round(drop fraction x active) weights; dense layers none."""
    _, _, trainer, _ = train(method, drop_fraction=0.4)
    for update in trainer.updates:
        share = trainer.plan.drop_fraction.at(update.step)
        expected = sum(round(share * layer.active) for layer in trainer.network.layers)
        assert update.dropped == update.grown == expected
        assert 0 <= update.regrown <= update.grown
    assert trainer.updates[0].grown > trainer.updates[-1].grown > 0


def test_mest_is_bounded_between_updates_and_ends_at_the_target():
    """1.1 d until the last update, d from then on."""
    _, _, trainer, _ = train("mest_g")
    assert [update.density for update in trainer.updates] == pytest.approx([0.55, 0.55, 0.55, 0.5], abs=1e-3)
    _, _, trainer, _ = train("mest_r", memory_bound=(0.5, 0.25, 0.0), sparsity=0.6)
    assert [update.density for update in trainer.updates] == pytest.approx([0.6, 0.5, 0.4, 0.4], abs=1e-3)


def test_a_method_may_be_given_with_its_options():
    """The object and the name with options are one training, so either can go on from the checkpoint of the other."""
    given, named = train(MestGradient(memory_bound=0.2))[2], train("mest_g", memory_bound=0.2)[2]
    assert given.updates == named.updates
    assert given.updates[0].density == pytest.approx(0.6, abs=1e-3)
    named.load_state_dict(given.state_dict())


def test_granet_starts_at_its_initial_density():
    """0.8, or dense where the target is denser than that."""
    assert train("granet_g", steps=0)[2].density == pytest.approx(0.8, abs=1e-3)
    assert train("granet_g", steps=0, sparsity=0.1)[2].density == 1
    with pytest.raises(ValueError, match=r"initial_density is 0\.3"):
        train("granet_r", steps=0, initial_density=0.3)


def test_gmp_prunes_layer_by_layer_on_request():
    """To the shares of the distribution; nothing is ever grown."""
    _, _, trainer, _ = train("gmp", layerwise=True, distribution="uniform")
    assert list(trainer.network.densities.values()) == pytest.approx([0.5, 0.5, 0.5], abs=0.01)
    assert all(update.grown == update.regrown == 0 < update.dropped for update in trainer.updates)
    _, _, trainer, _ = train("gmp")
    assert max(trainer.network.densities.values()) - min(trainer.network.densities.values()) > 0.05


def test_dense_layers_stay_untouched():
    """ERK makes the linear layer dense: it has no mask, and all its weights train."""
    model, _, trainer, _ = train("set", sparsity=0.3)
    assert [layer.name for layer in trainer.network.layers] == ["0.weight", "3.weight"]
    assert trainer.masks["5.weight"].all()
    assert (model[5].weight != network()[5].weight).all()


@pytest.mark.parametrize("method", ["granet_r", "gmp", "snip", "static"])
def test_first_and_last_layer_are_dense_on_request(method):
    """This also holds if the layers share one budget."""
    _, _, trainer, _ = train(method, dense_first=True, dense_last=True, sparsity=0.2)
    assert trainer.network.densities["0.weight"] == trainer.network.densities["5.weight"] == 1
    assert trainer.density == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_resumed_equals_uninterrupted_bit_for_bit(method):
    """Weights, optimiser, masks and records after a stop in the middle, through torch.save with weights_only."""
    options = {"sparsity": 0.0 if method == "dense" else 0.5}
    if METHODS[method].needs_masks:
        options["initial_masks"] = train("set")[2].masks
    model, opt, trainer, step = train(method, steps=10, **options)
    file = io.BytesIO()
    torch.save([model.state_dict(), opt.state_dict(), trainer.state_dict()], file)
    for _ in range(STEPS - 10):
        step()
    resumed_model, resumed_opt, resumed, resumed_step = train(method, steps=0, model=network(seed=9), **options)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    for part, state in zip((resumed_model, resumed_opt, resumed), saved, strict=True):
        part.load_state_dict(state)
    for _ in range(STEPS - 10):
        resumed_step()
    for one, other in zip(model.state_dict().values(), resumed_model.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert resumed.updates == trainer.updates
    assert all(torch.equal(resumed.masks[name], mask) for name, mask in trainer.masks.items())
    assert resumed.itop_rate == trainer.itop_rate


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda parts: pickle.loads(pickle.dumps(parts))])
def test_a_copy_goes_on_by_itself(duplicate):
    """Of model, optimiser and trainer together; a step of the copied optimiser is one of the copied trainer."""
    model = nn.Linear(10, 12)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    trainer = SparseTraining(model, optimizer, method="rigl", sparsity=0.5, total_steps=20, update_interval=4)
    parts = (model, optimizer, trainer)

    def steps(model, optimizer, trainer):
        for step in range(6):
            optimizer.zero_grad()
            model(torch.ones(4, 10)).square().mean().backward()
            trainer.step() if step % 2 else optimizer.step()

    steps(*parts)
    others = duplicate(parts)
    for each in (parts, others):
        steps(*each)
    assert others[2].steps == trainer.steps == 12
    assert torch.equal(others[0].weight, model.weight)
    assert others[0].weight is not model.weight


def test_a_checkpoint_of_another_configuration_is_refused():
    """The error names the settings that differ."""
    state = train("rigl")[2].state_dict()
    with pytest.raises(ValueError, match=r"seed: 3 there, 4 here, sparsity: 0.5 there, 0.4 here"):
        train("rigl", steps=0, sparsity=0.4, seed=4)[2].load_state_dict(state)


def test_the_seed_decides_the_masks():
    """Equal seeds, equal masks; another seed, others."""
    one, same, other = (train("set", seed=seed)[2].masks for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


class TwoLayers(nn.Module):
    """Eight weights in the open, the gradient of each decided by hand."""

    def __init__(self, weights):
        super().__init__()
        self.layer = nn.Linear(8, 1, bias=False)
        self.layer.weight.data.copy_(torch.tensor([weights]))


def one_update(method, weights, gradients, **options):
    """Return the weights and the mask after one update with a learning rate of zero and momentum 1 everywhere."""
    model = TwoLayers(weights)
    mask = {"layer.weight": torch.tensor([weights]) != 0}
    opt = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    trainer = SparseTraining(
        model,
        opt,
        method=method,
        sparsity=1 - mask["layer.weight"].sum().item() / 8,
        total_steps=2,
        update_interval=1,
        drop_schedule="constant",
        last_update=1.0,
        **options,
    )
    trainer.network.layers[0].set_mask(mask["layer.weight"])
    model.layer.weight.data.copy_(torch.tensor([weights]))
    model.layer.weight.grad = torch.tensor([gradients])
    trainer.step()
    return model.layer.weight.data[0].tolist(), opt.state[model.layer.weight]["momentum_buffer"][0].tolist(), trainer


WEIGHTS = [0.5, -1.0, 0.25, 2.0, 0.0, 0.0, 0.0, 0.0]


def test_rigl_grows_the_largest_gradients_from_zero():
    """Drops 0.25 and 0.5; grows weight 6 (gradient 4) and the just dropped weight 2 (gradient -3), which is kept."""
    gradients = [0.0, 9.0, -3.0, 9.0, 1.0, 2.0, 4.0, 0.0]
    weights, momentum, trainer = one_update("rigl", WEIGHTS, gradients, drop_fraction=0.5)
    assert trainer.masks["layer.weight"].int().tolist() == [[0, 1, 1, 1, 0, 0, 1, 0]]
    assert weights == [0.0, -1.0, 0.25, 2.0, 0.0, 0.0, 0.0, 0.0]
    assert momentum == [0.0, 9.0, -3.0, 9.0, 0.0, 0.0, 0.0, 0.0]
    assert (trainer.updates[0].dropped, trainer.updates[0].grown, trainer.updates[0].regrown) == (2, 2, 1)


def test_regrown_weights_start_from_zero_on_request():
    """The same update: weight 2 is active, but its value and momentum are gone."""
    gradients = [0.0, 9.0, -3.0, 9.0, 1.0, 2.0, 4.0, 0.0]
    weights, momentum, trainer = one_update("rigl", WEIGHTS, gradients, drop_fraction=0.5, regrown="zero")
    assert trainer.masks["layer.weight"].int().tolist() == [[0, 1, 1, 1, 0, 0, 1, 0]]
    assert weights == [0.0, -1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0]
    assert momentum == [0.0, 9.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0]


def test_mest_keeps_a_small_weight_with_a_large_gradient():
    """abs(w) + 1 abs(g) is 0.5, 1, 9.25, 2: the first two fall, though the third is the smallest."""
    gradients = [0.0, 0.0, 9.0, 0.0, 3.0, 1.0, 2.0, 0.0]
    options = {"drop_fraction": 0.5, "memory_bound": 0.0, "gradient_weight": 1.0}
    weights, _, trainer = one_update("mest_g", WEIGHTS, gradients, **options)
    assert trainer.masks["layer.weight"].int().tolist() == [[0, 0, 1, 1, 1, 0, 1, 0]]
    assert weights == [0.0, 0.0, 0.25, 2.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("gradient", [0.0, 1.0])
def test_zero_and_tied_gradients_grow_by_index(gradient):
    """Active weights never tie in; the density stays."""
    _, _, trainer = one_update("rigl", WEIGHTS, [gradient] * 8, drop_fraction=0.25)
    assert trainer.masks["layer.weight"].int().tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]]  # weight 2 falls and comes back
    assert trainer.updates[0].regrown == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_gradients_that_are_not_finite_skip_the_update_and_say_so(value):
    """The masks stay as they are, and the record says that nothing was done."""
    _, _, trainer = one_update("rigl", WEIGHTS, [1.0, value, *[1.0] * 6], drop_fraction=0.5, non_finite="ignore")
    assert trainer.masks["layer.weight"].int().tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]]
    assert trainer.updates[0].skipped
    assert (trainer.updates[0].dropped, trainer.density) == (0, 0.5)


def test_a_last_update_that_is_skipped_above_the_target_is_an_error():
    """GraNet would otherwise end denser than it says."""
    model, _, trainer, _ = train("granet_g", steps=15, non_finite="ignore")
    model[5].weight.grad[0, 0] = torch.inf
    with pytest.raises(RuntimeError, match=r"last topology update, at step 16.*density stays at 0\.5"):
        trainer.step()


def test_weights_moved_behind_its_back_are_noticed():
    """The next update says which layer holds weights outside its mask."""
    model, _, _, step = train("set", steps=3)
    model[3].weight.data.fill_(1.0)
    with pytest.raises(RuntimeError, match=r"3\.weight: \d+ inactive weights"):
        step()


def test_clipping_leaves_out_the_gradients_of_inactive_weights():
    """Their norm is of no step that will be taken."""
    model, _, trainer, _ = train("static", steps=0)
    F.cross_entropy(model(IMAGES), LABELS).backward()
    trainer.step(clip_norm=1e-3)
    norm = torch.stack([parameter.grad.norm() for parameter in model.parameters()]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    assert not model[5].weight.grad[~trainer.masks["5.weight"]].any()


def test_the_optimiser_may_skip_the_update_steps():
    """In the published RigL an update replaces the step of the optimiser."""
    model, _, _, step = train("set", steps=3, step_on_update=False)
    before = model[1].weight.clone()
    step()
    assert torch.equal(model[1].weight, before)
    step()
    assert not torch.equal(model[1].weight, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "dense", "sparsity": 0.5}, "method 'dense' has no sparsity; it was given 0.5"),
        ({"method": "rigel"}, "unknown method 'rigel'. Did you mean 'rigl'"),
        ({"regrown": "random"}, "regrown is 'random'; allowed: keep, zero"),
        ({"last_update": 75}, "last_update is 75"),
        ({"update_interval": 50}, "no topology update fits"),
        ({"update_interval": 4.0}, "update_interval and first_update are 4.0 and 4.0; allowed: whole numbers"),
        ({"sparsity": 1.0}, "sparsity is 1.0"),
        ({"sparsity": {"0.weight": 0.5}}, "sparsity is {'0.weight': 0.5}; allowed: one number for all layers"),
        ({"dense_first": True, "dense_last": True, "sparsity": 0.9}, "sparsity 0.9 cannot be met"),
        ({"exclude": ["nothing*"]}, "the pattern 'nothing\\*' matches none"),
        (
            {"update_intervall": 4},
            "unknown option for method 'rigl' 'update_intervall'. Did you mean 'update_interval'",
        ),
        ({"memory_bound": 0.2}, "unknown option for method 'rigl' 'memory_bound'"),
        ({"method": RigL(), "regrown": "zero"}, "regrown: give the options to RigL itself"),
    ],
)
def test_bad_options_are_one_clear_error(options, message):
    """The error says what is wrong, its value, and what is allowed."""
    with pytest.raises(ValueError, match=message):
        train(steps=0, **{"method": "rigl", **options})


def test_channels_last_changes_nothing():
    """Masks follow the memory layout of the weights; the choice is by logical index."""
    plain = train("rigl")[2]
    turned = train("rigl", model=network().to(memory_format=torch.channels_last))[2]
    first = plain.updates[0]
    assert (first.dropped, first.grown) == (turned.updates[0].dropped, turned.updates[0].grown)
    assert turned.network.layers[0].mask.stride() == turned.network.layers[0].weight.stride()
    before, after = (
        train("set", steps=0)[2],
        train("set", steps=0, model=network().to(memory_format=torch.channels_last))[2],
    )
    assert all(torch.equal(before.masks[name], mask) for name, mask in after.masks.items())
