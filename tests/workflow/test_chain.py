"""The whole chain through Snakemake: from nothing to tables that agree with the stored predictions."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dst_robustness.reporting.message import ANSWERS
from dst_robustness.sets.predictions import Predictions


def test_summary_follows_from_the_predictions(finished_study) -> None:
    """Robust accuracy is the plain mean over all cells, gain the difference from dense: computed here by hand."""
    results = finished_study.folder / "results"
    summary = pd.read_csv(results / "tables/summary.csv").set_index(["method", "sparsity"])
    assert list(summary.index) == [("dense", 0.0), ("rigl", 0.5)]
    robust = {}
    for method, sparsity in summary.index:
        answers = Predictions.load(results / f"runs/digits_resnet8/{method}/{sparsity:g}/seed0/predictions.h5")
        assert answers.corruptions == ["clean"] + ["gaussian_noise"] * 5 + ["contrast"] * 5
        assert answers.severities.tolist() == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]
        accuracy = (answers.predicted == answers.labels).mean(axis=1)
        row = summary.loc[(method, sparsity)]
        robust[method] = accuracy[1:].mean()
        assert row["clean_accuracy"] == pytest.approx(accuracy[0])
        assert row["robust_accuracy"] == pytest.approx(robust[method])
        assert row["robust_accuracy_low"] <= robust[method] <= row["robust_accuracy_high"]
    assert summary.loc[("rigl", 0.5), "gain"] == pytest.approx(robust["rigl"] - robust["dense"], abs=1e-6)


def test_jobs_keep_their_bytecode(new_study) -> None:
    """Where the environment forbids it, as in many containers, each of hundreds of jobs would compile the package."""
    cache = new_study.folder / "bytecode"
    new_study.environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(cache)}
    new_study.run("resources/digits/raw/acquired.json")
    assert list(cache.rglob("dst_robustness/datasets/acquire.*.pyc"))


def test_evaluations_can_share_a_submission(new_study) -> None:
    """A group of jobs on a cluster takes no text among its resources that differs from job to job."""
    new_study.run("--dry-run", "--groups", "evaluate_run=tests", "--group-components", "tests=2")


def test_columns_of_the_tables(finished_study) -> None:
    """The columns that other programs lean on, in their order."""
    tables = finished_study.folder / "results/tables"
    assert list(pd.read_csv(tables / "summary.csv").columns[:18]) == [
        "scenario", "dataset", "model", "method", "sparsity", "seeds", "clean_accuracy", "robust_accuracy",
        "robust_accuracy_low", "robust_accuracy_high", "gain", "gain_low", "gain_high", "relative_gain", "mce",
        "parameters", "training_flops_ratio", "verdict",
    ]  # fmt: skip
    assert list(pd.read_csv(tables / "corruptions.csv").columns) == [
        "scenario", "dataset", "model", "method", "sparsity", "seed", "corruption", "category", "severity", "accuracy",
    ]  # fmt: skip


def test_the_sparse_network_is_as_sparse_as_asked(finished_study) -> None:
    """Half of the maskable weights of the stored model are exactly zero; the dense one has hardly any zero."""
    import torch

    for method, sparsity in (("dense", 0), ("rigl", 0.5)):
        path = finished_study.folder / f"results/runs/digits_resnet8/{method}/{sparsity}/seed0/model.pt"
        weights = [value for value in torch.load(path, weights_only=True).values() if value.ndim >= 2]
        zeros = sum(int((weight == 0).sum()) for weight in weights)
        total = sum(weight.numel() for weight in weights)
        assert zeros == round(sparsity * total)


def test_finished_networks_are_exported(finished_study, tmp_path: Path) -> None:
    """`snakemake export` trains nothing: it writes the networks that are there, and says how many of the study."""
    study = finished_study.copy(tmp_path)
    (tmp_path / "results/runs/digits_resnet8/rigl/0.5/seed0/run.json").unlink()
    assert "1 of 2 networks" in study.run("export")
    exported = list((tmp_path / "results/runs").rglob("model.safetensors"))
    assert [str(path.relative_to(tmp_path)) for path in exported] == [
        "results/runs/digits_resnet8/dense/0/seed0/model.safetensors"
    ]


def test_a_finished_study_says_what_was_found_and_is_left_alone(finished_study) -> None:
    """The last lines answer the question; a second call has nothing to do."""
    assert "Question Do networks that keep only some of their weights" in finished_study.output
    verdict = json.loads((finished_study.folder / "results/tables/verdict.json").read_text())
    assert f"Answer   {ANSWERS[verdict['answer']]}: of 100 corrupted ones" in finished_study.output
    assert "Report   results/report.html" in finished_study.output
    assert finished_study.planned() == {}


def test_what_will_be_done_is_said_once_in_words(finished_study) -> None:
    """By Snakemake itself, not by the processes that it starts for its jobs."""
    words = "To train: 2 of 2 networks. To evaluate: 2 of 2. No measurements yet of how long that takes."
    assert finished_study.output.count("To train: ") == finished_study.output.count(words) == 1


def test_runs_of_one_seed_start_alike(finished_study) -> None:
    """Pairs share initialisation and order of data, so their first-epoch history is close, and their labels equal."""
    results = finished_study.folder / "results/runs/digits_resnet8"
    dense, rigl = (Predictions.load(path) for path in sorted(results.glob("*/*/seed0/predictions.h5")))
    np.testing.assert_array_equal(dense.labels, rigl.labels)


def test_nothing_is_written_outside_the_declared_folders(finished_study) -> None:
    """A study leaves its results, its resources and Snakemake's own folder, no checkpoint and no partial file."""
    names = {path.name for path in finished_study.folder.iterdir()}
    assert names == {"Snakefile", "workflow", "envs", "profiles", "config.yaml", "results", "resources", ".snakemake"}
    leftover = [path for path in Path(finished_study.folder).rglob("*") if path.suffix in {".partial", ".part"}]
    assert leftover == []
    assert not list(Path(finished_study.folder).rglob("checkpoint.pt"))
