"""The moving average of the weights."""

import copy

import pytest
import torch
from torch import nn

from dst_robustness.training.averaging import update_average


def test_a_short_training_forgets_its_initial_weights() -> None:
    """With decay 0.999 from the start, 79% of the first weights would be left after 232 steps."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 100)
    average = copy.deepcopy(network)
    nn.init.constant_(network.weight, 1)
    for step in range(1, 233):
        update_average(average, network, 0.999, step)
    assert average.weight.item() == pytest.approx(1, abs=1e-6)


def test_the_decay_is_warmed_up_and_then_as_asked_for() -> None:
    """After step 1 it is 2/11; after many steps the value of the option."""
    network, average = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1)
    for step, expected in ((1, 9 / 11), (10**6, 0.5)):
        nn.init.constant_(average.weight, 0)
        update_average(average, network, 0.5, step)
        assert average.weight.item() == pytest.approx(expected)


def test_batch_statistics_are_averaged_with_the_weights() -> None:
    """The averaged weights see other values than the last ones do, so their statistics are averages too."""
    network = nn.BatchNorm1d(1)
    average = copy.deepcopy(network)
    expected = 0.0
    for step in range(1, 6):
        network(torch.full((4, 1), float(step)))
        update_average(average, network, 0.5, step)
        expected += (1 - min(0.5, (1 + step) / (10 + step))) * (network.running_mean.item() - expected)
    assert average.running_mean.item() == pytest.approx(expected)
    assert average.num_batches_tracked.item() == 5
