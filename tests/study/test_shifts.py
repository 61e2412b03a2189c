"""Sets of natural shift in a study: for the networks that they are made for, and nowhere else."""

import pytest

from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import read_scenarios


def scenario(**changes):
    entry = {"dataset": "cifar10", "model": "resnet8", "methods": ["dense"]} | changes
    (found,) = read_scenarios(read_study({"scenarios": [entry]})).values()
    return found


def test_sets_of_the_same_classes_are_taken():
    assert scenario(shifts=["cifar10_1", "cifar10_2"]).shifts == ("cifar10_1", "cifar10_2")
    assert scenario().shifts == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shifts": ["imagenet_a"]}, "imagenet_a is for networks that are trained on imagenet, not on cifar10"),
        ({"shifts": ["cifar10_c"]}, "unknown set of natural shift 'cifar10_c'"),
        ({"dataset": "cifar10_1"}, "cifar10_1 is a set of natural shift without severities; list it under `shifts`"),
    ],
)
def test_others_are_refused_before_anything_runs(changes, message):
    with pytest.raises(ValueError, match=message):
        scenario(**changes)


def test_a_suite_that_other_sizes_have_says_for_which_it_exists():
    with pytest.raises(ValueError, match=r"'plasma_noise' exists for images of 113 or more pixels, .* has 64"):
        scenario(dataset="tiny_imagenet", corruptions=["fog", "plasma_noise"])
    with pytest.raises(ValueError, match=r"'c_bar' exists for images of up to 48 and of 113 or more pixels, .* has 64"):
        scenario(dataset="tiny_imagenet", corruptions="c_bar")
