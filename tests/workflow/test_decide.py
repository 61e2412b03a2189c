"""Seeds until decided, by the real Snakemake: all looks in one call, and nothing twice."""

from __future__ import annotations

import json


def test_a_study_adds_seeds_until_its_rows_are_decided(new_study) -> None:
    """The looks follow each other in one call, and the tables hold the seeds of the last one."""
    config = new_study.config()
    del config["seeds"]
    new_study.write_config(config | {"decide": {"first": 2, "step": 1, "last": 3, "margin": 1}})
    planned = new_study.planned()
    assert (planned["train_run"], planned["evaluate_run"], planned["look"]) == (4, 4, 1)
    new_study.run()
    looks = sorted((new_study.folder / "results/looks").glob("*.json"))
    last = json.loads(looks[-1].read_text())
    assert looks[-1].stem == "3" or all(row["decided"] for row in last)
    trained = {path.name for path in (new_study.folder / "results/runs").glob("*/rigl/0.5/seed*")}
    assert trained == {f"seed{seed}" for seed in range(last[0]["seeds"])}
    assert f",{last[0]['verdict']}," in (new_study.folder / "results/tables/summary.csv").read_text()
    assert new_study.planned() == {}
