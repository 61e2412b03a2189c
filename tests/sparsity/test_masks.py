"""Masks: exact numbers, exact choices."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dst_robustness.sparsity.masks import (
    _largest_on_device,
    drop_and_grow,
    exact_counts,
    global_masks,
    largest,
    random_mask,
    rule_out,
)

EIGHT = torch.tensor([0.1, -0.8, 0.3, 0.0, -0.5, 0.0, 0.7, 0.0])
KEEP = rule_out(EIGHT.abs(), EIGHT == 0)


def bits(mask):
    return "".join("1" if bit else "0" for bit in mask.tolist())


def test_counts_round_by_largest_remainder():
    """2.6 and 1.3 and 1.1 make 5: the largest remainder gets the odd one."""
    assert exact_counts([2.6, 1.3, 1.1], 5, [9, 9, 9]) == [3, 1, 1]


def test_counts_respect_limits():
    """The other layers take what a full layer cannot."""
    assert exact_counts([2.6, 1.3, 1.1], 5, [2, 9, 9]) == [2, 2, 1]
    with pytest.raises(ValueError, match="do not fit"):
        exact_counts([2.6], 3, [2])


@settings(deadline=None)  # on a busy machine the first example may take long
@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0.01, 1)), min_size=1, max_size=8))
def test_counts_always_sum_to_the_total(layers):
    """The density of the network is exact, whatever the layers are."""
    sizes = [size for size, _ in layers]
    quotas = [size * density for size, density in layers]
    counts = exact_counts(quotas, round(sum(quotas)), sizes)
    assert sum(counts) == round(sum(quotas))
    assert all(abs(count - quota) <= 1 for count, quota in zip(counts, quotas, strict=True))


def test_largest_decides_ties_by_index():
    """Among equal scores the first are taken, on every device."""
    assert bits(largest(torch.tensor([1.0, 3.0, 1.0, 1.0, 2.0]), 3)) == "11001"
    assert bits(largest(torch.zeros(4), 2)) == "1100"


@settings(deadline=None)
@given(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=40), st.data())
def test_largest_is_a_stable_sort(values, data):
    """Partial selection agrees with sorting, ties and sentinels included."""
    count = data.draw(st.integers(0, len(values)))
    expected = np.zeros(len(values), bool)
    expected[np.argsort(-np.array(values), kind="stable")[:count]] = True
    assert largest(torch.tensor(values, dtype=torch.float32), count).tolist() == expected.tolist()


@pytest.mark.parametrize("kind", ["distinct", "tied", "equal", "mostly ineligible", "ascending"])
def test_largest_of_many_is_a_stable_sort(kind):
    """Values in all kinds of orders, at all kinds of counts."""
    size = 5000
    scores = np.random.default_rng(0).normal(size=size).astype(np.float32)
    match kind:
        case "tied":
            scores = scores.round(1)
        case "equal":
            scores[:] = 0
        case "mostly ineligible":
            scores[200:] = -np.inf
        case "ascending":
            scores.sort()
    order = np.argsort(-scores, kind="stable")
    for count in (1, 199, 200, 201, size // 3, size - 1, size):
        expected = np.zeros(size, bool)
        expected[order[:count]] = True
        assert np.array_equal(largest(torch.from_numpy(scores), count).numpy(), expected), count


def test_the_path_for_devices_chooses_as_the_one_for_the_host():
    """This is tested with many ties and sentinels, at every count."""
    scores = torch.randn(60, generator=torch.Generator().manual_seed(3)).round(decimals=1)
    scores[::3] = -torch.inf
    for count in range(1, 61):
        assert torch.equal(_largest_on_device(scores, count), largest(scores, count))


def test_drop_the_smallest_and_grow_the_largest_gradient():
    """Drop order of the active: 0.1, 0.3, 0.5, 0.7, 0.8. Growth may take what was just dropped."""
    gradient = torch.tensor([9.0, 9.0, 0.0, 1.0, 0.0, 3.0, 0.0, 2.0])
    stay, grown = drop_and_grow(KEEP, gradient.clone(), 3, 5)
    assert bits(stay) == "01001010"
    assert bits(grown) == "10000100"


@pytest.mark.parametrize("gradient", [torch.zeros(8), torch.ones(8), torch.full((8,), torch.inf)])
def test_growth_never_takes_a_surviving_weight(gradient):
    """All-zero, tied and infinite gradients grow inactive weights, the first by index, and keep the count."""
    stay, grown = drop_and_grow(KEEP, gradient.clone(), 3, 5)
    assert not (stay & grown).any()
    assert bits(stay | grown) == "11101010"


def test_active_weights_at_zero_are_not_mistaken_for_inactive_ones():
    """A just grown weight is zero and still active: sentinels decide, not values."""
    keep = rule_out(torch.zeros(4), torch.tensor([False, True, False, True]))
    stay, _ = drop_and_grow(keep, None, 2, 2)
    assert bits(stay) == "1010"


def test_all_layers_share_one_budget():
    """The four largest of both layers."""
    (first, second), kept = global_masks([torch.tensor([1.0, 5.0, 2.0]), torch.tensor([4.0, 3.0, 0.0])], 4, [1, 1])
    assert (bits(first), bits(second), kept) == ("011", "110", [])


def test_no_layer_is_emptied_by_a_shared_budget():
    """The second layer has the smallest scores of all, but two outputs: it keeps its two best, the first layer pays."""
    scores = [torch.tensor([9.0, 5.0, 7.0, 8.0]), torch.tensor([1.0, -torch.inf, 2.0, 0.0])]
    (first, second), kept = global_masks(scores, 3, [2, 2])
    assert (bits(first), bits(second), kept) == ("1000", "1010", [1])
    assert scores[1].tolist() == [1.0, -torch.inf, 2.0, 0.0]
    with pytest.raises(ValueError, match="2 weights are too few to leave every layer some"):
        global_masks(scores, 2, [2, 2])


def test_random_masks_are_exact_and_uniform():
    """Always the same number, and every weight equally often: 2000 draws of 4 in 8, within 5 standard deviations."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.stack([random_mask(8, 4, generator) for _ in range(2000)])
    assert (masks.sum(1) == 4).all()
    assert ((masks.sum(0) - 1000).abs() < 5 * 500**0.5).all()
