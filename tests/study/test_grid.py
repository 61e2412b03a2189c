"""The grid that a configuration spans."""

from typing import Any

import pytest

from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import (
    Scenario,
    corruptions_by_dataset,
    read_scenarios,
    shared_networks,
)
from dst_robustness.study.run import Run, default_name


def scenarios(**changes: Any) -> dict[str, Scenario]:
    config = {"scenarios": [{"dataset": "digits", "model": "resnet8"}], **changes}
    return read_scenarios(read_study(config))


def test_dense_is_trained_once_per_seed_and_the_others_at_every_sparsity() -> None:
    """The dense baseline has no sparsity, so it is not repeated for each."""
    grid = scenarios(methods=["rigl", "dense"], sparsities=[0.1, 0.5], seeds=[0, 1])["digits_resnet8"].runs
    assert grid[0] == Run("digits_resnet8", "digits", "resnet8", "dense", 0.0, 0)
    assert [(run.method, run.sparsity, run.seed) for run in grid] == [
        ("dense", 0.0, 0), ("dense", 0.0, 1),
        ("rigl", 0.1, 0), ("rigl", 0.1, 1), ("rigl", 0.5, 0), ("rigl", 0.5, 1),
    ]  # fmt: skip


def test_a_method_may_have_sparsities_of_its_own() -> None:
    """A study adds a control at one sparsity without training it at all of them."""
    grid = scenarios(
        methods=["dense", "rigl", "snip"], sparsities=[0.1, 0.5], seeds=[0], sparsities_of={"snip": [0.3], "set": [0.1]}
    )
    assert [(run.method, run.sparsity) for run in grid["digits_resnet8"].runs] == [
        ("dense", 0.0), ("rigl", 0.1), ("rigl", 0.5), ("snip", 0.3),
    ]  # fmt: skip


def test_folder_of_a_run() -> None:
    """The contract that every later step finds its files by."""
    assert Run("digits_resnet8", "digits", "resnet8", "dense", 0.0, 3).folder == "runs/digits_resnet8/dense/0/seed3"
    assert Run("digits_resnet8", "digits", "resnet8", "rigl", 0.5, 0).folder == "runs/digits_resnet8/rigl/0.5/seed0"


def test_a_variant_is_a_method_with_other_options() -> None:
    """ERK beside uniform in one study."""
    variants = {"rigl_uniform": {"method": "rigl", "distribution": "uniform"}}
    scenario = scenarios(methods=["dense", "rigl", "rigl_uniform"], variants=variants)["digits_resnet8"]
    assert scenario.run("rigl_uniform", 0.5, 0).base_method == "rigl"
    assert scenario.sparse_options("rigl_uniform")["distribution"] == "uniform"
    assert scenario.sparse_options("rigl")["distribution"] == "erk"
    assert scenario.sparse_options("dense") == {}


def test_a_frozen_control_names_the_runs_whose_masks_it_starts_from() -> None:
    """dst_frozen depends on a finished run of the same study."""
    variants = {"rigl_frozen": {"method": "dst_frozen", "source": "rigl"}}
    scenario = scenarios(methods=["dense", "rigl", "rigl_frozen"], variants=variants)["digits_resnet8"]
    assert scenario.source("rigl_frozen") == "rigl"
    assert scenario.source("rigl") is None
    assert "source" not in scenario.sparse_options("rigl_frozen")


def test_corruptions_keep_the_order_of_the_benchmark() -> None:
    """The order in a configuration must not change a file."""
    chosen = scenarios(corruptions=["contrast", "gaussian_noise"])["digits_resnet8"].corruptions
    assert chosen == ("gaussian_noise", "contrast")
    assert len(scenarios(corruptions="all")["digits_resnet8"].corruptions) == 19
    assert len(scenarios(corruptions="benchmark")["digits_resnet8"].corruptions) == 15


def test_images_have_suites_beside_the_nineteen() -> None:
    """They are chosen by name; `all` keeps meaning the nineteen."""
    chosen = scenarios(corruptions="c_bar")["digits_resnet8"].corruptions
    assert len(chosen) == 10
    assert "ripple" in chosen
    assert "perlin_noise" not in chosen  # of the ten for 224 pixels
    assert scenarios(corruptions="3dcc")["digits_resnet8"].corruptions == ("color_quant", "iso_noise", "low_light")
    mixed = scenarios(corruptions=["low_light", "ripple", "fog"])["digits_resnet8"].corruptions
    assert mixed == ("fog", "ripple", "low_light")
    large = scenarios(corruptions="c_bar", scenarios=[{"dataset": "imagenet", "model": "resnet50"}])
    assert "perlin_noise" in large["imagenet_resnet50"].corruptions
    tiny = [{"dataset": "tiny_imagenet", "model": "resnet18"}]
    with pytest.raises(ValueError, match=r"'c_bar' exists for images of up to 48 .*Allowed: all, benchmark, 3dcc"):
        scenarios(corruptions="c_bar", scenarios=tiny)
    with pytest.raises(ValueError, match=r"corruptions lists 'benchmark', which is a suite; write corruptions: bench"):
        scenarios(corruptions=["benchmark", "ripple"])  # not: it exists for images of other sizes


def test_clips_have_suites_of_corruptions() -> None:
    """A suite is the corruptions of one published benchmark."""
    clips = [{"dataset": "moving_digits", "model": "r3d_tiny"}]
    chosen = scenarios(corruptions="kinetics_c", scenarios=clips)["moving_digits_r3d_tiny"].corruptions
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
        ({"variants": {"unlisted": {"method": "rgil"}}}, "method of variant 'unlisted' 'rgil'. Did you mean 'rigl'"),
        ({"corruptions": ["fogg"]}, "scenarios[0]: unknown corruption 'fogg'. Did you mean 'fog'?"),
        ({"scenarios": [{"dataset": "digit", "model": "resnet8"}]}, "Did you mean 'digits'?"),
        (
            {"scenarios": [{"dataset": "digits", "model": "resnet9"}]},
            "unknown model 'resnet9'. Did you mean 'resnet8'",
        ),
        (
            {"scenarios": [{"dataset": "digits", "model": "r3d18"}]},
            "model 'r3d18' does not take the images of 'digits'",
        ),
        (
            {"scenarios": [{"dataset": "digits", "model": "resnet8"}] * 2},
            "scenarios[1]: another scenario is called 'digits_resnet8'; give one of them a `name` of its own",
        ),
        (
            {
                "datasets": {"my_pictures": {"path": "/data"}},
                "scenarios": [{"dataset": "my_pictures", "model": "vgg16"}],
            },
            "scenarios[0]: datasets.my_pictures lacks the key 'type', which says what data set it is, such as",
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
        ({"sparse_training": {"grown_warmup": 9}}, "grown_warmup is 9 for static, which trains with optimizer sgd"),
        ({"training": {"mixing": "mixap"}}, "unknown training.mixing 'mixap'. Did you mean 'mixup'?"),
    ],
)
def test_unknown_names_are_answered_with_the_allowed_ones(changes: dict[str, Any], message: str) -> None:
    """A wrong name never reaches a job."""
    with pytest.raises(ValueError, match="config") as caught:
        scenarios(**changes)
    assert message in str(caught.value)


def test_one_data_set_and_model_stand_several_times_under_names_of_their_own() -> None:
    """Widths, recipes and subsets are compared in one study; each has its own folders."""
    digits = {"dataset": "digits", "model": "resnet8"}
    wide = {**digits, "name": "wide", "width": 2, "training": {"epochs": 3}}
    grid = scenarios(methods=["dense"], seeds=[0], scenarios=[digits, wide])
    assert list(grid) == ["digits_resnet8", "wide"]
    assert [grid[name].runs[0].folder for name in grid] == [
        "runs/digits_resnet8/dense/0/seed0",
        "runs/wide/dense/0/seed0",
    ]
    assert (grid["wide"].runs[0].width, grid["wide"].training.epochs) == (2, 3)
    assert default_name("my_pictures", "timm:resnet10t") == "my_pictures_timm_resnet10t"


def test_networks_that_are_trained_alike_are_trained_once() -> None:
    """A published set is tested with the networks of the set that it is made of, where their recipes agree."""
    clean = {"dataset": "cifar10", "model": "resnet8", "seeds": [0]}
    grid = scenarios(
        methods=["dense", "rigl"],
        sparsities=[0.5],
        scenarios=[
            clean,
            {**clean, "dataset": "cifar10_c", "seeds": [0, 1]},
            {**clean, "name": "longer", "training": {"epochs": 300}},
            {**clean, "name": "other_topology", "sparse_training": {"drop_fraction": 0.5}},
        ],
    )
    shared = {run.folder: origin.folder for run, origin in shared_networks(grid.values()).items()}
    assert shared == {
        "runs/cifar10_c_resnet8/dense/0/seed0": "runs/cifar10_resnet8/dense/0/seed0",
        "runs/cifar10_c_resnet8/rigl/0.5/seed0": "runs/cifar10_resnet8/rigl/0.5/seed0",
        "runs/other_topology/dense/0/seed0": "runs/cifar10_resnet8/dense/0/seed0",
    }


def test_a_control_is_shared_only_where_its_source_is_trained_alike() -> None:
    """The masks that it starts from are part of its recipe."""
    digits = {"dataset": "digits", "model": "resnet8"}
    grid = scenarios(
        methods=["dense", "rigl", "rigl_frozen"],
        sparsities=[0.5],
        seeds=[0],
        variants={"rigl_frozen": {"method": "dst_frozen", "source": "rigl"}},
        scenarios=[digits, {**digits, "name": "other", "sparse_training": {"drop_fraction": 0.5}}],
    )
    assert [run.method for run in shared_networks(grid.values())] == ["dense"]
    (source,) = grid["other"].sources(grid["other"].run("rigl_frozen", 0.5, 0))
    assert source.folder == "runs/other/rigl/0.5/seed0"


def test_a_data_set_is_tested_under_the_corruptions_of_all_its_scenarios() -> None:
    """In the order in which they are first met."""
    digits = {"dataset": "digits", "model": "resnet8"}
    grid = scenarios(
        scenarios=[
            {**digits, "corruptions": ["fog"]},
            {**digits, "model": "wrn22_2", "corruptions": ["contrast", "fog"]},
        ]
    )
    assert corruptions_by_dataset(grid.values()) == {"digits": ["fog", "contrast"]}
