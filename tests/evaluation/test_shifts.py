"""Choosing among the classes of a set of natural shift."""

import torch
from torch import nn

from dst_robustness.evaluation.shifts import Among


def test_only_the_classes_of_the_set_are_answered():
    """The largest logit is of class 1, which the set does not have; of 0 and 2, 2 is larger."""
    network = Among(nn.Identity(), [0, 2])
    logits = network(torch.tensor([[1.0, 9.0, 2.0]]))
    assert logits.argmax(1).tolist() == [2]
    torch.testing.assert_close(logits.softmax(1)[0], torch.tensor([1 / (1 + torch.e), 0, torch.e / (1 + torch.e)]))
