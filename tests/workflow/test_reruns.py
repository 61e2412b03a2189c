"""Only what changed runs: the exact jobs after each kind of change."""

from copy import deepcopy

import pytest

from dst_robustness.reporting.figures import FIGURES

SUMMARY = {"summarise": 1, "draw_figure": len(FIGURES)}


def test_a_new_seed_trains_the_new_runs_only(study) -> None:
    """One more seed is one more run of each method."""
    study.write_config(study.config() | {"seeds": [0, 1]})
    assert study.planned() == {"train_run": 2, "evaluate_run": 2, **SUMMARY}


def test_a_new_method_trains_that_method_only(study) -> None:
    """The runs that are there are not repeated."""
    study.write_config(study.config() | {"methods": ["dense", "rigl", "set"]})
    assert study.planned() == {"train_run": 1, "evaluate_run": 1, **SUMMARY}


def test_a_new_sparsity_leaves_dense_alone(study) -> None:
    """Dense has no sparsity."""
    study.write_config(study.config() | {"sparsities": [0.5, 0.1]})
    assert study.planned() == {"train_run": 1, "evaluate_run": 1, **SUMMARY}


def test_a_new_corruption_trains_nothing(study) -> None:
    """Stored networks are tested again, on one more corrupted set."""
    config = study.config()
    config["scenarios"][0]["corruptions"] = ["gaussian_noise", "contrast", "fog"]
    study.write_config(config)
    assert study.planned() == {"corrupt_dataset": 1, "evaluate_run": 2, **SUMMARY}


@pytest.mark.parametrize(
    ("key", "value", "runs"), [("training", {"epochs": 3}, 2), ("sparse_training", {"drop_fraction": 0.5}, 1)]
)
def test_a_training_option_retrains_what_it_touches(study, key: str, value: dict[str, object], runs: int) -> None:
    """Options of sparse training do not touch dense."""
    config = deepcopy(study.config())
    config["scenarios"][0][key] |= value
    study.write_config(config)
    assert study.planned() == {"train_run": runs, "evaluate_run": runs, **SUMMARY}


def test_a_lost_result_is_made_again(study) -> None:
    """One deleted table comes back without training."""
    (study.folder / "results/tables/summary.csv").unlink()
    assert study.planned() == SUMMARY


def test_a_touched_configuration_reruns_nothing(study) -> None:
    """Times do not count, values do."""
    (study.folder / "config.yaml").touch()
    assert study.planned() == {}
