"""What follows from a study as a whole."""

from __future__ import annotations

import pytest

from dst_robustness.study.whole import Whole, read_whole

DIGITS = {"dataset": "digits", "model": "resnet8", "corruptions": ["fog", "snow"]}
STUDY = {
    "methods": ["dense", "rigl"],
    "sparsities": [0.5],
    "seeds": [0, 1],
    "datasets": {"mine_c": {"type": "cifar10_c", "trained_on": "digits"}},
    "scenarios": [
        {**DIGITS, "name": "short"},
        {**DIGITS, "name": "long", "training": {"epochs": 300}, "corruptions": ["frost"]},
        {"dataset": "mine_c", "model": "resnet8", "corruptions": ["fog"]},
    ],
}


def folders(whole: Whole) -> list[str]:
    return [run.folder for run in whole.listed_runs]


def test_data_sets_and_networks_of_a_study() -> None:
    """The published set is tested with the networks of the scenario that is trained in the same way."""
    whole = read_whole(STUDY)
    assert (whole.trained, whole.published, whole.shifted) == ({"digits"}, {"mine_c"}, set())
    assert whole.tested == {"digits": ["snow", "fog", "frost"], "mine_c": ["fog"]}
    assert len(whole.runs) == 12
    assert {folder.split("/")[1] for folder in whole.shared} == {"mine_c_resnet8"}
    assert whole.shared["runs/mine_c_resnet8/rigl/0.5/seed1"].folder == "runs/short/rigl/0.5/seed1"
    assert whole.listed == whole.scenarios
    assert folders(whole) == list(whole.runs)


def test_a_part_of_a_study_keeps_what_the_whole_shares() -> None:
    """Tables are made of the scenario that is asked for, whose networks are those that the whole study would use."""
    whole, part = read_whole(STUDY), read_whole({**STUDY, "only": ["mine_c_resnet8"]})
    assert folders(part) == [
        f"runs/mine_c_resnet8/{row}/seed{seed}" for row in ("dense/0", "rigl/0.5") for seed in (0, 1)
    ]
    assert (part.runs, part.shared, part.tested) == (whole.runs, whole.shared, whole.tested)
    assert part.shown == {"mine_c": ["fog"]}
    assert len(part.trained_for(part.listed_runs)) == 4  # in the folders of `short`, and all of them count
    assert len(whole.trained_for(whole.listed_runs)) == 8


def test_a_part_that_is_not_there_is_said() -> None:
    """The error suggests the nearest name."""
    with pytest.raises(ValueError, match=r"unknown scenario in only 'shrt'\. Did you mean 'short'\?"):
        read_whole({**STUDY, "only": ["shrt"]})
