"""The grid that a configuration spans."""

from typing import Any

import pytest

from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import Scenario, read_scenarios
from dst_robustness.study.run import Run


def scenarios(**changes: Any) -> dict[tuple[str, str], Scenario]:
    config = {"scenarios": [{"dataset": "digits", "model": "resnet8"}], **changes}
    return read_scenarios(read_study(config))


def test_dense_is_trained_once_per_seed_and_the_others_at_every_sparsity() -> None:
    """The dense baseline has no sparsity, so it is not repeated for each."""
    grid = scenarios(methods=["rigl", "dense"], sparsities=[0.1, 0.5], seeds=[0, 1])["digits", "resnet8"].runs
    assert grid[0] == Run("digits", "resnet8", "dense", 0.0, 0)
    assert [(run.method, run.sparsity, run.seed) for run in grid] == [
        ("dense", 0.0, 0), ("dense", 0.0, 1),
        ("rigl", 0.1, 0), ("rigl", 0.1, 1), ("rigl", 0.5, 0), ("rigl", 0.5, 1),
    ]  # fmt: skip


def test_a_method_may_have_sparsities_of_its_own() -> None:
    """A study adds a control at one sparsity without training it at all of them."""
    grid = scenarios(
        methods=["dense", "rigl", "snip"], sparsities=[0.1, 0.5], seeds=[0], sparsities_of={"snip": [0.3], "set": [0.1]}
    )
    assert [(run.method, run.sparsity) for run in grid["digits", "resnet8"].runs] == [
        ("dense", 0.0), ("rigl", 0.1), ("rigl", 0.5), ("snip", 0.3),
    ]  # fmt: skip


def test_folder_of_a_run() -> None:
    """The contract that every later step finds its files by."""
    assert Run("digits", "resnet8", "dense", 0.0, 3).folder == "runs/digits/resnet8/dense/0/seed3"
    assert Run("digits", "resnet8", "rigl", 0.5, 0).folder == "runs/digits/resnet8/rigl/0.5/seed0"


def test_a_variant_is_a_method_with_other_options() -> None:
    """ERK beside uniform in one study."""
    variants = {"rigl_uniform": {"method": "rigl", "distribution": "uniform"}}
    scenario = scenarios(methods=["dense", "rigl", "rigl_uniform"], variants=variants)["digits", "resnet8"]
    assert scenario.base_method("rigl_uniform") == "rigl"
    assert scenario.sparse_options("rigl_uniform")["distribution"] == "uniform"
    assert scenario.sparse_options("rigl")["distribution"] == "erk"
    assert scenario.sparse_options("dense") == {}


def test_a_frozen_control_names_the_runs_whose_masks_it_starts_from() -> None:
    """dst_frozen depends on a finished run of the same study."""
    variants = {"rigl_frozen": {"method": "dst_frozen", "source": "rigl"}}
    scenario = scenarios(methods=["dense", "rigl", "rigl_frozen"], variants=variants)["digits", "resnet8"]
    assert scenario.source("rigl_frozen") == "rigl"
    assert scenario.source("rigl") is None
    assert "source" not in scenario.sparse_options("rigl_frozen")


def test_corruptions_keep_the_order_of_the_benchmark() -> None:
    """The order in a configuration must not change a file."""
    chosen = scenarios(corruptions=["contrast", "gaussian_noise"])["digits", "resnet8"].corruptions
    assert chosen == ("gaussian_noise", "contrast")
    assert len(scenarios(corruptions="all")["digits", "resnet8"].corruptions) == 19
    assert len(scenarios(corruptions="benchmark")["digits", "resnet8"].corruptions) == 15


def test_images_have_suites_beside_the_nineteen() -> None:
    """They are chosen by name; `all` keeps meaning the nineteen."""
    chosen = scenarios(corruptions="c_bar")["digits", "resnet8"].corruptions
    assert len(chosen) == 10
    assert "ripple" in chosen
    assert "perlin_noise" not in chosen  # of the ten for 224 pixels
    assert scenarios(corruptions="3dcc")["digits", "resnet8"].corruptions == ("color_quant", "iso_noise", "low_light")
    mixed = scenarios(corruptions=["low_light", "ripple", "fog"])["digits", "resnet8"].corruptions
    assert mixed == ("fog", "ripple", "low_light")
    large = scenarios(corruptions="c_bar", scenarios=[{"dataset": "imagenet", "model": "resnet50"}])
    assert "perlin_noise" in large["imagenet", "resnet50"].corruptions
    tiny = [{"dataset": "tiny_imagenet", "model": "resnet18"}]
    with pytest.raises(ValueError, match=r"choice of corruptions 'c_bar'\. Allowed: all, benchmark, 3dcc"):
        scenarios(corruptions="c_bar", scenarios=tiny)


def test_clips_have_suites_of_corruptions() -> None:
    """A suite is the corruptions of one published benchmark."""
    clips = [{"dataset": "moving_digits", "model": "r3d_tiny"}]
    chosen = scenarios(corruptions="kinetics_c", scenarios=clips)["moving_digits", "r3d_tiny"].corruptions
    assert len(chosen) == 14
    assert chosen[0] == "shot_noise"
    with pytest.raises(
        ValueError, match=r"unknown choice of corruptions 'benchmark'\. Allowed: all, kinetics_c, ucf101_p"
    ):
        scenarios(corruptions="benchmark", scenarios=clips)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": ["dense", "rgil"]}, "scenarios[0]: unknown method 'rgil'. Did you mean 'rigl'? Allowed: dense,"),
        ({"methods": ["rigl"]}, "scenarios[0]: methods lack 'dense', the baseline"),
        ({"corruptions": ["fogg"]}, "scenarios[0]: unknown corruption 'fogg'. Did you mean 'fog'?"),
        ({"scenarios": [{"dataset": "digit", "model": "resnet8"}]}, "Did you mean 'digits'?"),
        (
            {"scenarios": [{"dataset": "digits", "model": "resnet9"}]},
            "unknown model 'resnet9'. Did you mean 'resnet8'?",
        ),
        (
            {"scenarios": [{"dataset": "digits", "model": "r3d18"}]},
            "model 'r3d18' does not take the images of 'digits'",
        ),
        ({"scenarios": [{"dataset": "digits", "model": "resnet8"}] * 2}, "digits with resnet8 is listed twice"),
        (
            {
                "datasets": {"my_pictures": {"path": "/data"}},
                "scenarios": [{"dataset": "my_pictures", "model": "vgg16"}],
            },
            "scenarios[0]: datasets.my_pictures lacks the key 'type': which data set it is, as image_folder.",
        ),
        (
            {
                "datasets": {"my_pictures": {"type": "image_folder"}},
                "scenarios": [{"dataset": "my_picture", "model": "vgg16"}],
            },
            "unknown dataset 'my_picture'. Did you mean 'my_pictures'?",
        ),
        (
            {"datasets": {"own": {"type": "image_foldr"}}, "scenarios": [{"dataset": "own", "model": "vgg16"}]},
            "unknown datasets.own.type 'image_foldr'. Did you mean 'image_folder'?",
        ),
        ({"methods": ["dense", "dst_frozen"]}, "method dst_frozen needs a source"),
        (
            {"methods": ["dense", "v"], "variants": {"v": {"method": "dst_frozen", "source": "set"}}},
            "unknown source of variant 'v' 'set'",
        ),
        (
            {"methods": ["dense", "v"], "variants": {"v": {"method": "rigl", "source": "dense"}}},
            "`source` goes with method dst_frozen",
        ),
        ({"sparsities_of": {"rgil": [0.1]}}, "unknown method in sparsities_of 'rgil'. Did you mean 'rigl'?"),
        ({"training": {"augmentation": "crop+flop"}}, "unknown training.augmentation 'flop'. Did you mean 'flip'?"),
        ({"training": {"mixing": "mixap"}}, "unknown training.mixing 'mixap'. Did you mean 'mixup'?"),
    ],
)
def test_unknown_names_are_answered_with_the_allowed_ones(changes: dict[str, Any], message: str) -> None:
    """A wrong name never reaches a job."""
    with pytest.raises(ValueError, match="config") as caught:
        scenarios(**changes)
    assert message in str(caught.value)
