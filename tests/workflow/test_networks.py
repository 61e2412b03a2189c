"""A study in which nothing is trained: networks from elsewhere are tested and compared."""

from __future__ import annotations

import pandas as pd


def test_networks_from_elsewhere_are_tested_alone(study) -> None:
    """They answer as they did where they were trained. Nothing is trained, and the data are those that are there."""
    common = {"dataset": "digits", "model": "resnet8"}
    trained = "results/runs/digits_resnet8"
    study.write_config(
        {
            "results_dir": "compared",
            "resources_dir": "resources",
            "datasets": study.config()["datasets"],
            "corruptions": ["gaussian_noise", "contrast"],
            "networks": [
                {**common, "name": "ours", "weights": f"{trained}/dense/0/seed0/model.pt"},
                {**common, "name": "theirs", "weights": f"{trained}/rigl/0.5/seed0/model.pt", "baseline": "ours"},
            ],
        }
    )
    assert study.planned("summarise") == {
        "evaluate_run": 2, "measure_corruptions": 1, "summarise": 1, "take_network": 2,
    }  # fmt: skip
    study.run("summarise")
    here, there = (
        pd.read_csv(study.folder / folder / "tables/summary.csv")["robust_accuracy"]
        for folder in ("compared", "results")
    )
    assert here.tolist() == there.tolist()
