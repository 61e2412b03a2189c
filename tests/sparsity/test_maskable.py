"""Which weights are masked, which are refused, and which stay dense with a warning."""

import warnings

import pytest
import timm.layers
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from dst_robustness.sparsity import SparseTraining, layer_densities
from dst_robustness.sparsity.flops import layer_flops
from dst_robustness.sparsity.maskable import left_out, maskable_weights, warn_of


class Mixed(nn.Module):
    """One of everything that has weights."""

    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.embedding = nn.Embedding(5, 8)
        self.conv = nn.Conv3d(2, 4, 3)
        self.up = nn.ConvTranspose2d(4, 6, 2)
        self.norm = nn.LayerNorm((4, 8))
        self.attention = nn.MultiheadAttention(8, 2)
        self.cross = nn.MultiheadAttention(8, 2, kdim=6, vdim=5)
        self.head = nn.Linear(8, 3)
        self.again = nn.Linear(8, 3)
        self.again.weight = self.head.weight


def test_maskable_weights_are_those_of_layers_alone():
    """Never embeddings, tokens, norms or biases; a shared weight once; convolutions of any dimension."""
    assert list(maskable_weights(Mixed())) == [
        "conv.weight",
        "up.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "cross.q_proj_weight",
        "cross.k_proj_weight",
        "cross.v_proj_weight",
        "cross.out_proj.weight",
        "head.weight",
    ]


def test_exclusion_by_a_generator_or_a_single_text():
    """A generator is empty after its first use, so nothing was excluded; the letters of a text are no patterns."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"method": "static", "sparsity": 0.5, "total_steps": 9}
    assert list(maskable_weights(model, (f"{i}.*" for i in range(1)))) == ["1.weight"]
    training = SparseTraining(model, optimizer, exclude=(f"{i}.*" for i in range(1)), **options)
    assert list(training.masks) == ["1.weight"]
    assert [item.reason for item in training.left_out] == ["excluded"]
    with pytest.raises(ValueError, match=r"exclude is the text '0\.\*'; expected a list of patterns, \['0\.\*'\]"):
        SparseTraining(model, optimizer, exclude="0.*", **options)


def test_exclusion_by_pattern():
    """Shell patterns; one that matches nothing is a mistake and said."""
    names = list(maskable_weights(Mixed(), exclude=["*attention.*", "cross*"]))
    assert names == ["conv.weight", "up.weight", "head.weight"]
    with pytest.raises(ValueError, match="pattern 'fc"):
        maskable_weights(Mixed(), exclude=["fc.*"])
    with pytest.raises(ValueError, match="no weight left"):
        maskable_weights(Mixed(), exclude=["*"])


class Compiled(nn.Module):
    """Build what torch.compile returns, without the seconds that its import takes."""

    def __init__(self, model):
        super().__init__()
        self._orig_mod = model


def test_names_are_those_of_the_bare_model():
    """Compiled as a whole or in part, or in parallel: a checkpoint fits all of them."""
    bare = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    part = nn.Sequential(Compiled(nn.Linear(3, 3)), nn.Linear(3, 3))
    for model in (bare, part, Compiled(bare), nn.DataParallel(Compiled(bare))):
        assert list(maskable_weights(model)) == ["0.weight", "1.weight"]


def behind(layer):
    """Put a plain layer behind one for [N, 3, 8, 8]."""
    return nn.Sequential(layer, nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(16 * 36, 5))


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


class Centred(nn.Module):
    def forward(self, weight):
        return weight - weight.mean()


class Corrected(nn.Module):
    """Adds a product of low rank that is zero at the start, as LoRA does."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Parameter(torch.randn(2, 27)), nn.Parameter(torch.zeros(16, 2))

    def forward(self, weight):
        return weight + (self.up @ self.down).view_as(weight)


def parametrized(kind):
    layer = nn.Conv2d(3, 16, 3)
    parametrize.register_parametrization(layer, "weight", kind())
    return layer


def old_spectral_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.spectral_norm(nn.Conv2d(3, 16, 3))


def old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(nn.Conv2d(3, 16, 3))


class Slow(nn.Linear):
    """Multiplies by its weight, in a forward pass of its own."""

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype), self.bias) * 1.0


MASKED = {
    "spectral norm": (
        lambda: parametrizations.spectral_norm(nn.Conv2d(3, 16, 3)),
        "0.parametrizations.weight.original",
    ),
    "old spectral norm": (old_spectral_norm, "0.weight_orig"),
    "empty prune": (lambda: prune.identity(nn.Conv2d(3, 16, 3), "weight"), "0.weight_orig"),
    "parametrization": (lambda: parametrized(Doubled), "0.parametrizations.weight.original"),
    "own padding": (lambda: timm.layers.Conv2dSame(3, 16, 3), "0.weight"),
}
REFUSED = {
    "weight norm": (lambda: parametrizations.weight_norm(nn.Conv2d(3, 16, 3)), "0.parametrizations.weight.original1"),
    "old weight norm": (old_weight_norm, "0.weight_v"),
    "orthogonal": (lambda: parametrizations.orthogonal(nn.Conv2d(3, 16, 3)), "0.parametrizations.weight.original"),
    "parametrization": (lambda: parametrized(Centred), "0.parametrizations.weight.original"),
    "correction": (lambda: parametrized(Corrected), "0.parametrizations.weight.original"),
    "standardised": (lambda: timm.layers.StdConv2d(3, 16, 3), "0.weight"),
    "scaled standardised": (lambda: timm.layers.ScaledStdConv2d(3, 16, 3), "0.weight"),
    "prune": (lambda: prune.l1_unstructured(nn.Conv2d(3, 16, 3), "weight", 0.5), "0.weight_orig"),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_layer_that_multiplies_by_the_zeros_of_its_weight_is_masked(name):
    """The weight that the layer computes with has the zeros of the mask, and trying that out changes nothing."""
    make, weight = MASKED[name]
    model = behind(make())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert list(maskable_weights(model)) == [weight, "3.weight"]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = SparseTraining(model, optimizer, method="rigl", sparsity=0.5, total_steps=8, update_interval=2)
    for _ in range(4):
        optimizer.zero_grad()
        model(torch.randn(2, 3, 8, 8)).square().sum().backward()
        trainer.step(clip_norm=1.0)
    model(torch.randn(1, 3, 8, 8))
    if name != "own padding":
        assert not model[0].weight[~trainer.masks[weight]].any()
    assert layer_flops(behind(make()), (3, 8, 8))[weight] > 0


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_computes_with_another_weight_is_refused_by_name(name):
    """Unless it is excluded, not trained, or the method masks nothing."""
    make, weight = REFUSED[name]
    model = behind(make())
    with pytest.raises(ValueError, match=f"{weight}: .* does not multiply by this weight"):
        layer_densities(model, 0.5)
    assert list(maskable_weights(model, exclude=[weight])) == ["3.weight"]
    assert not any(item.untold for item in left_out(model, [model[3].weight], exclude=["0.*"]))
    SparseTraining(model, torch.optim.SGD(model.parameters(), lr=0.1), method="dense", sparsity=0, total_steps=9)
    model[0].requires_grad_(False)
    assert list(maskable_weights(model)) == ["3.weight"]


def test_a_subclass_with_a_forward_pass_of_its_own_is_tried_out():
    """In any precision; it need not be known by name."""
    for precision in (torch.float32, torch.bfloat16):
        assert list(maskable_weights(nn.Sequential(Slow(4, 3)).to(precision))) == ["0.weight"]


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 10)
        self.hidden = nn.Linear(10, 10)
        self.output = nn.Linear(10, 30, bias=False)
        self.output.weight = self.embedding.weight


class TiedByFunction(nn.Module):
    def __init__(self, product):
        super().__init__()
        self.embedding, self.hidden, self.product = nn.Embedding(30, 10), nn.Linear(10, 10), product

    def forward(self, tokens):
        return self.product(self.hidden(self.embedding(tokens)), self.embedding.weight)


@pytest.mark.parametrize(
    ("model", "share", "named"),
    [
        (nn.ModuleList([nn.LSTM(20, 20), nn.Linear(20, 40)]), "80.0%", r"0\.weight_ih_l0 \(LSTM\), 0\.weight_hh_l0"),
        (nn.ModuleList([nn.GRU(20, 20), nn.Linear(20, 40)]), "75.0%", r"0\.weight_ih_l0 \(GRU\)"),
        (nn.ModuleList([nn.Bilinear(10, 10, 10), nn.Linear(10, 100)]), "50.0%", r"0\.weight \(Bilinear\)"),
        (Tied(), "75.0%", r"embedding\.weight \(embedding, tied to an output\)"),
        (TiedByFunction(F.linear), "75.0%", r"embedding\.weight \(embedding, tied to an output\)"),
        (TiedByFunction(lambda x, weight: x @ weight.T), "75.0%", r"embedding\.weight \(embedding, tied"),
        (nn.ModuleList([nn.Linear(4, 4, dtype=torch.complex64), nn.Linear(4, 4)]), "50.0%", r"0\.weight \(Linear of "),
    ],
)
def test_what_stays_dense_is_named_with_its_share(model, share, named):
    """The stated sparsity does not count it."""
    with pytest.warns(UserWarning, match=f"{share} of the weights stay dense.*{named}"):
        trainer = SparseTraining(
            model, torch.optim.SGD(model.parameters(), lr=0.1), method="static", sparsity=0.5, total_steps=9
        )
    assert trainer.density == 0.5


def test_what_is_meant_to_stay_dense_is_not_warned_of():
    """Embeddings, norms, tokens, and what exclude names."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixed = Mixed()
        warn_of(left_out(mixed, maskable_weights(mixed).values()), 1)
        model = nn.ModuleList([nn.LSTM(20, 20), nn.Linear(20, 40)])
        SparseTraining(
            model,
            torch.optim.SGD(model.parameters(), lr=0.1),
            method="static",
            sparsity=0.5,
            total_steps=9,
            exclude=["0.weight*"],
        )


def test_lazy_layers_are_refused():
    """Their weights have no shape yet."""
    with pytest.raises(ValueError, match=r"0\.weight has no shape yet: run one batch"):
        maskable_weights(nn.Sequential(nn.LazyLinear(4)))


class FullyShardedDataParallel(nn.Module):
    """Has what FSDP leaves of a network on a process: a flat part of each weight, or one flat tensor for all."""

    def __init__(self, joined):
        super().__init__()
        self.layer = nn.Linear(20, 40)
        self.layer.weight = None if joined else nn.Parameter(torch.zeros(523))
        self.flat = nn.Parameter(torch.zeros(800))


@pytest.mark.parametrize(
    ("joined", "message"), [(False, r"layer\.weight is no matrix but \[523\]"), (True, "no weight")]
)
def test_weights_in_shards_are_refused(joined, message):
    """Each process would choose masks for another part, and the processes would wait for each other."""
    with pytest.raises(ValueError, match=f"{message}.*FSDP spreads over processes.*use DistributedDataParallel"):
        maskable_weights(FullyShardedDataParallel(joined))


def test_masks_of_a_run_that_had_frozen_layers_start_another():
    """Its full masks of them are no reason to refuse; a mask that would thin a frozen layer is."""
    model = nn.Sequential(nn.Linear(20, 40), nn.Linear(40, 5))
    model[0].requires_grad_(False)
    options = {"method": "static", "sparsity": 0.5, "total_steps": 9}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    masks = SparseTraining(model, optimizer, **options).masks
    other = SparseTraining(model, optimizer, initial_masks=masks, **options)
    assert torch.equal(other.masks["1.weight"], masks["1.weight"])
    with pytest.raises(ValueError, match=r"differ in the layers 0\.weight"):
        SparseTraining(model, optimizer, initial_masks={**masks, "0.weight": ~masks["0.weight"]}, **options)


def test_what_the_optimiser_does_not_train_is_left_alone():
    """A frozen layer keeps its weights and is not counted; an optimiser of another model is refused."""
    model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5), nn.Linear(5, 5))
    model[0].requires_grad_(False)
    before = [model[0].weight.clone(), model[3].weight.clone()]
    optimizer = torch.optim.SGD([*model[0].parameters(), *model[2].parameters()], lr=0.1)
    options = {"sparsity": 0.5, "total_steps": 9, "update_interval": 2}
    trainer = SparseTraining(model, optimizer, method="rigl", **options)
    for _ in range(9):
        optimizer.zero_grad()
        model(torch.randn(4, 20)).square().sum().backward()
        with warnings.catch_warnings(action="error"):
            trainer.step(clip_norm=1.0)
    assert [name for name, mask in trainer.masks.items() if mask.all()] == ["0.weight", "3.weight"]
    assert trainer.density == round(0.5 * model[2].weight.numel()) / model[2].weight.numel()
    assert torch.equal(model[0].weight, before[0])
    assert torch.equal(model[3].weight, before[1])
    assert [item.reason for item in trainer.left_out] == ["not trained", "not trained"]
    with pytest.raises(ValueError, match=r"nothing trains 2\.weight, 3\.weight: they are frozen, or not among"):
        maskable_weights(model, exclude=["0.*"], trained=nn.Linear(3, 3).parameters())
