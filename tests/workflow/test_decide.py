"""Seeds until decided, by the real Snakemake: all looks in one call, and nothing twice."""

from __future__ import annotations

import json

SUMMARY = "results/tables/summary.csv"


def test_a_study_adds_seeds_until_its_rows_are_decided(new_study) -> None:
    """The looks follow each other in one call, and the tables hold the seeds of the last one."""
    config = new_study.config()
    del config["seeds"]
    new_study.write_config(config | {"decide": {"first": 2, "step": 1, "last": 3, "margin": 1}})
    planned = new_study.planned(SUMMARY)
    assert (planned["train_run"], planned["evaluate_run"], planned["look"]) == (4, 4, 1)
    new_study.run(SUMMARY)
    looks = sorted((new_study.folder / "results/looks").glob("*.json"))
    last = json.loads(looks[-1].read_text())
    assert looks[-1].stem == "3" or all(row["decided"] for row in last)
    trained = {path.name for path in (new_study.folder / "results/runs").glob("*/rigl/0.5/seed*")}
    assert trained == {f"seed{seed}" for seed in range(last[0]["seeds"])}
    assert f",{last[0]['verdict']}," in (new_study.folder / SUMMARY).read_text()
    assert new_study.planned(SUMMARY) == {}


def test_a_finished_study_of_fixed_seeds_goes_on_where_it_is_to_be_decided(study) -> None:
    """Its tables are there, which does not mean that there is nothing to do."""
    config = study.config()
    del config["seeds"]
    study.write_config(config | {"decide": {"first": 2, "step": 1, "last": 3}})
    planned = study.planned()
    assert (planned["train_run"], planned["evaluate_run"], planned["look"]) == (2, 2, 1), "seed 0 is there"
