import pandas as pd
import pytest

from dst_robustness.analysis.published import SCENARIOS, beside_published


def rows(*lines):
    """Rows of summary.csv: data set, model, width, method, sparsity and robust accuracy."""
    table = pd.DataFrame(lines, columns=["dataset", "model", "width", "method", "sparsity", "robust_accuracy"])
    verdicts = table["method"].map(lambda method: "baseline" if method == "dense" else "undecided")
    low, high = table["robust_accuracy"] - 0.01, table["robust_accuracy"] + 0.01
    return table.assign(verdict=verdicts, robust_accuracy_low=low, robust_accuracy_high=high, seeds=3)


SHOWN = ["method", "published", "is_best", "own_method", "accuracy", "low", "high"]


def test_a_named_method_stands_beside_the_same_method():
    """ImageNet-C: each method that the source names beside its own row, with its interval, and no other."""
    names = "imagenet_c", "resnet50", 1.0
    found = beside_published(
        rows((*names, "dense", 0.0, 0.38), (*names, "rigl", 0.1, 0.40), (*names, "granet_g", 0.1, 0.37),
             (*names, "set", 0.1, 0.9), (*names, "rigl", 0.5, 0.9), ("imagenet", "resnet18", 1.0, "rigl", 0.1, 0.9))
    )  # fmt: skip
    assert found[SHOWN].to_numpy().tolist() == [
        ["dense", pytest.approx(0.3838), False, "dense", 0.38, pytest.approx(0.37), pytest.approx(0.39)],
        ["rigl", pytest.approx(0.387), False, "rigl", 0.40, pytest.approx(0.39), pytest.approx(0.41)],
        ["granet_g", pytest.approx(0.3872), False, "granet_g", 0.37, pytest.approx(0.36), pytest.approx(0.38)],
    ]


def test_of_an_unnamed_best_none_of_our_own_is_chosen_on_the_test_set():
    """CIFAR-100-C at 0.4: 55.6 is of a method that no source names, so both of our rows stand beside it."""
    names = "cifar100", "resnet34", 1.0
    found = beside_published(
        rows((*names, "dense", 0.0, 0.50), (*names, "set", 0.4, 0.53), (*names, "rigl", 0.4, 0.54),
             (*names, "static", 0.4, 0.6), (*names, "set", 0.5, 0.6))
    )  # fmt: skip
    assert found[["published", "is_best", "own_method"]].to_numpy().tolist() == [
        [pytest.approx(0.516), False, "dense"],
        [pytest.approx(0.556), True, "set"],
        [pytest.approx(0.556), True, "rigl"],
    ]
    assert list(found["sparsity"]) == [0.0, 0.4, 0.4]


def test_rows_of_published_images_and_of_images_made_here_are_told_apart():
    """Accuracies on both differ, by ten points under some corruptions of Tiny-ImageNet."""
    lines = [
        (name, "resnet34", 1.0, *rest)
        for name in ("cifar100", "cifar100_c")
        for rest in (("dense", 0.0, 0.5), ("set", 0.4, 0.5))
    ]
    found = beside_published(rows(*lines))
    assert found[["own_method", "corrupted"]].to_numpy().tolist() == [
        ["dense", "made here"], ["dense", "published files"], ["set", "made here"], ["set", "published files"],
    ]  # fmt: skip


@pytest.mark.parametrize("width", [0.25, 2.0])
def test_a_network_of_another_width_is_no_match(width):
    """Its accuracy says nothing about the published one."""
    names = "cifar100", "resnet34", width
    assert beside_published(rows((*names, "dense", 0.0, 0.5), (*names, "set", 0.4, 0.5))).empty


def test_scenarios_are_numbered_as_in_the_presets():
    """The number joins the page of the scenarios, the presets and these figures."""
    assert [one.number for one in SCENARIOS] == list(range(1, 10))
