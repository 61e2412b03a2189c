"""The dense control of the same parameter count."""

from __future__ import annotations

import pytest
import torch

from dst_robustness.models import MODELS, build_model
from dst_robustness.models.width import parameter_count, width_for_density, width_for_parameters


@pytest.mark.parametrize("name", MODELS)
def test_half_the_density_is_met_by_a_narrower_network(name):
    """Protects dense_small: for every model, the narrower one has half the parameters within four percent."""
    width = width_for_density(name, 10, 0.5)
    assert parameter_count(name, 10, width=width) == pytest.approx(parameter_count(name, 10) / 2, rel=0.04)


def test_the_width_found_is_the_nearest():
    """Protects the search: no width on a fine grid comes nearer to 40,000 parameters than the one found."""
    found = abs(parameter_count("resnet8", 10, width=width_for_parameters("resnet8", 10, 40_000)) - 40_000)
    grid = [parameter_count("resnet8", 10, width=step / 200) for step in range(1, 201)]
    assert found == min(abs(count - 40_000) for count in grid)


def test_full_density_is_width_one_and_the_network_runs():
    """Protects the two ends: density 1 changes nothing, and a narrowed network still maps images to logits."""
    assert width_for_density("resnet8", 10, 1.0) == 1.0
    narrow = build_model("resnet8", 10, width=width_for_density("resnet8", 10, 0.1))
    assert narrow(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_counting_leaves_the_generator_alone():
    """Protects the seed of a run: looking for the width draws no random number."""
    before = torch.get_rng_state()
    width_for_density("deit_tiny", 10, 0.5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("density", "message"), [(0.0, "density is 0.0"), (1.5, "density is 1.5"), (1e-4, "no width")])
def test_a_density_out_of_reach_is_refused(density, message):
    """Protects from a control that silently has another size."""
    with pytest.raises(ValueError, match=message):
        width_for_density("resnet8", 10, density)
