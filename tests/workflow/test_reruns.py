"""Only what changed runs: the exact jobs after each kind of change."""

import re
from copy import deepcopy

import pytest

from dst_robustness.reporting.figures import figures_of

FIRST = ("corruption", "clean")  # lines of every metrics.csv
FIGURES = figures_of(trained=True, taken=False, controls=False)
SUMMARY = {"summarise": 1, "draw_figure": len(FIGURES), "write_report": 1}


def test_a_new_seed_trains_the_new_runs_only(study) -> None:
    """One more seed is one more run of each method."""
    study.write_config(study.config() | {"seeds": [0, 1]})
    assert study.planned() == {"train_run": 2, "evaluate_run": 2, **SUMMARY}


def test_a_dry_run_says_in_words_what_is_to_do(study) -> None:
    """Two of four networks are new; those that are finished tell how long that takes."""
    study.write_config(study.config() | {"seeds": [0, 1]})
    last = study.run("--dry-run", "--quiet").splitlines()[-1]
    known = r"About [1-9][0-9]* (s|min) of jobs, by the jobs measured so far\."
    assert re.fullmatch(rf"To train: 2 of 4 networks\. To evaluate: 2 of 4\. {known}", last), last


def test_a_new_method_trains_that_method_only(study) -> None:
    """The runs that are there are not repeated."""
    study.write_config(study.config() | {"methods": ["dense", "rigl", "set"]})
    assert study.planned() == {"train_run": 1, "evaluate_run": 1, **SUMMARY}


def test_a_new_sparsity_leaves_dense_alone(study) -> None:
    study.write_config(study.config() | {"sparsities": [0.5, 0.1]})
    assert study.planned() == {"train_run": 1, "evaluate_run": 1, **SUMMARY}


def test_a_new_corruption_is_the_only_one_that_networks_are_tested_on(study) -> None:
    """Nothing is trained; what was answered before stays, and is there again when a corruption was away."""
    run = "runs/digits_resnet8/rigl/0.5/seed0"
    log, metrics = study.folder / f"results/logs/{run}/evaluate.log", f"results/{run}/metrics.csv"
    config = study.config()
    before = (study.folder / metrics).read_text().splitlines()
    others = {"evaluate_run": 2, "measure_corruptions": 1, "draw_gallery": 1}
    for corruptions, jobs, tested in (
        (["gaussian_noise", "contrast", "fog"], {"corrupt_dataset": 1, **others}, ["testing on fog"]),
        (["contrast"], others, []),
        (["gaussian_noise", "contrast"], {"evaluate_run": 1}, []),  # the other network was not tested meanwhile
    ):
        config["scenarios"][0]["corruptions"] = corruptions
        study.write_config(config)
        assert study.planned() == {**jobs, **SUMMARY}
        study.run(metrics)
        assert [line.partition(" ")[2] for line in log.read_text().splitlines()] == tested
        lines = (study.folder / metrics).read_text().splitlines()
        assert len(lines) == 2 + 5 * len(corruptions)
        assert set(before) & set(lines) == {line for line in before if line.split(",")[0] in {*corruptions, *FIRST}}


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


def test_corrupted_sets_that_were_deleted_to_save_disk_rerun_nothing(study) -> None:
    """They are made again when an evaluation needs them."""
    for path in (study.folder / "resources/digits/corrupted").glob("*.h5"):
        path.unlink()
    assert study.planned() == {}


def test_a_touched_configuration_reruns_nothing(study) -> None:
    """Times do not count, values do."""
    (study.folder / "config.yaml").touch()
    assert study.planned() == {}


def test_a_new_model_is_trained_on_the_data_that_are_there(study) -> None:
    """Data sets and corrupted sets are shared by all models."""
    config = deepcopy(study.config())
    config["scenarios"].append({**config["scenarios"][0], "model": "wrn22_2"})
    study.write_config(config)
    assert study.planned() == {"train_run": 2, "evaluate_run": 2, **SUMMARY}


@pytest.mark.parametrize(
    ("file", "old", "new", "jobs"),
    [
        (
            "sparsity/methods/rigl.py",
            "scores.magnitude(",
            "-scores.magnitude(",
            {"train_run": 1, "evaluate_run": 1, **SUMMARY},
        ),
        ("sparsity/methods/rigl.py", '"""The Rigged', '"""Explained better. The Rigged', {}),
        (
            "reporting/figures/robustness_by_sparsity.py",
            "def draw(",
            "NEW = 1\n\n\ndef draw(",
            {"draw_figure": 1, "write_report": 1},
        ),
    ],
    ids=["method", "docstring", "figure"],
)
def test_changed_code_reruns_the_steps_that_import_it(
    study, file: str, old: str, new: str, jobs: dict[str, int]
) -> None:
    """A method retrains its own runs, a figure trains nothing, words rerun nothing."""
    path = study.copy_package() / file
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new, 1))
    assert study.planned() == jobs


def test_code_is_not_tracked_where_the_configuration_says_so(new_study) -> None:
    """With track_code off an upgrade reruns nothing."""
    target = "resources/digits/raw/acquired.json"
    new_study.write_config(new_study.config() | {"track_code": False})
    new_study.run(target)
    path = new_study.copy_package() / "datasets/acquire.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    assert new_study.planned(target) == {}
