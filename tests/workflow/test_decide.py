"""Seeds until decided, by the real Snakemake: all looks in one call, and nothing twice."""

from __future__ import annotations

import json

SUMMARY = "results/tables/summary.csv"


def test_a_study_adds_seeds_until_its_rows_are_decided(study) -> None:
    """The looks follow each other in one call, and the tables hold the seeds of the last one."""
    config = study.config()
    del config["seeds"]
    study.write_config(config | {"decide": {"first": 2, "step": 1, "last": 3, "margin": 1}})
    planned = study.planned(SUMMARY)
    assert (planned["train_run"], planned["evaluate_run"], planned["look"]) == (2, 2, 1), "seed 0 is there"
    study.run(SUMMARY)
    looks = sorted((study.folder / "results/looks").glob("*.json"))
    last = json.loads(looks[-1].read_text())
    assert looks[-1].stem == "3" or all(row["decided"] for row in last)
    trained = {path.name for path in (study.folder / "results/runs").glob("*/rigl/0.5/seed*")}
    assert trained == {f"seed{seed}" for seed in range(last[0]["seeds"])}
    assert f",{last[0]['verdict']}," in (study.folder / SUMMARY).read_text()
    assert study.planned(SUMMARY) == {}
