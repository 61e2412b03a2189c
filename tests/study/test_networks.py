"""Networks that are only tested: which are compared, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import read_scenarios, shared_networks
from dst_robustness.study.networks import place_networks


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of weights; what is in them is read by a job."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.pt", "b.pt"):
        Path(name).write_bytes(b"weights")


def network(name: str, **options: Any) -> dict[str, Any]:
    own = {"name": name, "dataset": "digits", "model": "resnet8", "weights": "a.pt", **options}
    return {key: value for key, value in own.items() if value is not None}


def comparisons(*networks: dict[str, Any], scenarios: list[dict[str, Any]] | None = None, **study: Any) -> Any:
    read = read_study({"networks": list(networks), "scenarios": scenarios or [], **study})
    return place_networks(read, read_scenarios(read))[1]


def test_networks_of_one_baseline_form_a_scenario_that_is_named_after_it() -> None:
    """Protects what is compared: each network with its baseline, seed by seed, on the study's corruptions."""
    seeds = {"weights": None, "seeds": {0: "a.pt", 1: "b.pt"}}
    found = comparisons(
        network("theirs", baseline="ours", model="timm:resnet18", **seeds), network("ours", **seeds), network("alone"),
        corruptions=["fog"],
    )  # fmt: skip
    assert list(found) == ["ours", "alone"]
    assert [run.folder for run in found["ours"].runs] == [
        "runs/ours/ours/0/seed0", "runs/ours/ours/0/seed1", "runs/ours/theirs/0/seed0", "runs/ours/theirs/0/seed1",
    ]  # fmt: skip
    assert [run.model for run in found["ours"].runs] == ["resnet8"] * 2 + ["timm:resnet18"] * 2
    assert found["ours"].networks["theirs"].files == {0: "a.pt", 1: "b.pt"}
    assert found["ours"].corruptions == ("fog",)


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ([network("a", weights="c.pt")], r"networks\[0\] \(a\): there is no file of weights c.pt"),
        ([network("a", weights=None)], r"give either `weights`.* or `seeds`"),
        ([network("a", seeds={0: "a.pt"})], r"give either `weights`.* or `seeds`"),
        ([network("a", baseline="ours"), network("our")], r"unknown baseline 'ours'. Did you mean 'our'"),
        ([network("a", baseline="a")], r"unknown baseline 'a'"),
        ([network("a"), network("a")], r"networks\[1\]: the name 'a' is given twice"),
        ([network("a", model="timm:resnet81")], r"unknown model 'timm:resnet81'"),
        ([network("a", model="r3d_tiny")], r"does not take the images"),
        ([network("a"), network("b", baseline="a"), network("c", baseline="b")], r"has a baseline itself, a"),
        ([network("a"), network("b", baseline="a", dataset="shapes")], r"on the same images"),
        ([network("a", mean=[0.5])], r"mean"),
        ([network("a", weights=None, seeds={0: "a.pt", 1: "./a.pt"})], r"two of its `seeds` are the same file"),
        (
            [network("a"), network("b", baseline="a", weights=None, seeds={1: "b.pt", 2: "a.pt"})],
            r"it has seed 1, 2, its baseline a has 0; pairs are of the same seed",
        ),
        (
            [network("a", weights=None, seeds={-1: "a.pt"})],
            r"seeds: the name is -1; it should be greater than or equal to 0",
        ),
        ([], r"neither `scenarios` to train nor `networks` to test"),
    ],
)
def test_what_cannot_be_compared_is_named(networks: list[dict[str, Any]], message: str) -> None:
    """Protects from hours of testing: names, files and baselines are checked when the configuration is read."""
    with pytest.raises(ValueError, match=message):
        comparisons(*networks)


TRAINED = {"dataset": "digits", "model": "resnet8", "name": "trained", "seeds": [0, 1]}


@pytest.mark.parametrize("baseline", ["trained", "dense"])
def test_a_network_may_be_compared_with_networks_that_are_trained_here(baseline: str) -> None:
    """It joins their scenario, is tested on the same corruptions, and is never trained or shared."""
    study = read_study(
        {"networks": [network("ours", baseline=baseline, seeds={1: "b.pt"}, weights=None)],
         "scenarios": [TRAINED | {"corruptions": ["fog"]}], "methods": ["dense"]}
    )  # fmt: skip
    scenarios, alone = place_networks(study, read_scenarios(study))
    folders = [f"runs/trained/{name}" for name in ("dense/0/seed0", "dense/0/seed1", "ours/0/seed1")]
    assert [run.folder for run in scenarios["trained"].runs] == folders
    assert [run.folder for run in scenarios["trained"].trained_runs] == folders[:2]
    assert alone == {}
    assert shared_networks(scenarios.values()) == {}


@pytest.mark.parametrize(
    ("options", "scenarios", "message"),
    [
        ({"baseline": "set"}, [{}], r"measured against dense .*name a scenario: trained"),
        ({"baseline": "dense"}, [{}, {"name": "wide", "width": 2}], r"several scenarios; name one: trained, wide"),
        ({"baseline": "dense"}, [{"dataset": "shapes"}], r"none has its data"),
        ({"baseline": "trained"}, [{"dataset": "shapes"}], r"networks are compared on the same images"),
        ({"baseline": "trained", "name": "dense"}, [{}], r"trains a method of that name"),
        ({"baseline": "traind"}, [{}], r"Did you mean 'trained'"),
    ],
)
def test_which_trained_networks_are_meant_must_be_clear(options: dict, scenarios: list[dict], message: str) -> None:
    """Gains of one scenario have one baseline, on the same images."""
    listed = [TRAINED | one for one in scenarios]
    with pytest.raises(ValueError, match=message):
        comparisons(network("a") | options, scenarios=listed, methods=["dense", "set"], sparsities=[0.5])


def test_a_study_may_train_and_test_networks() -> None:
    """Scenarios and networks stand beside each other, under names of their own."""
    scenario = {"dataset": "digits", "model": "resnet8", "name": "trained"}
    assert list(comparisons(network("ours"), scenarios=[scenario])) == ["ours"]
    with pytest.raises(ValueError, match="'trained' is given twice"):
        comparisons(network("trained"), scenarios=[scenario])


def test_a_network_that_was_taken_needs_its_file_of_weights_no_more() -> None:
    """A fresh clone goes on from an archive, which holds the network and not the file that it came from."""
    with pytest.raises(ValueError, match=r"there is no file of weights gone\.pt"):
        comparisons(network("ours", weights="gone.pt"))
    taken = Path("results/study/runs/ours/ours/0/seed0/model.pt")
    taken.parent.mkdir(parents=True)
    taken.touch()
    assert list(comparisons(network("ours", weights="gone.pt"))) == ["ours"]
