import numpy as np
import pytest

from dst_robustness.analysis.curves import TOPOLOGY_COLUMNS, topology_curves, training_curves
from dst_robustness.analysis.runs import MOST_UPDATES, StoredRun

HEADER = "step,density,dropped,grown,regrown,itop_rate\n"


def run_with(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return StoredRun.at(folder)


def test_topologies_are_averaged_over_seeds_by_step(tmp_path):
    """ITOP rates 0.5 and 0.7 after the first update are 0.6; a static run, whose table is empty, has no rows."""
    runs = [
        run_with(tmp_path / "d_m/set/0.5/seed0", "topology.csv", HEADER + "10,0.5,4,4,0,0.5\n20,0.5,2,2,1,0.75\n"),
        run_with(tmp_path / "d_m/set/0.5/seed1", "topology.csv", HEADER + "10,0.5,4,4,0,0.7\n20,0.5,2,2,1,0.75\n"),
        run_with(tmp_path / "d_m/static/0.5/seed0", "topology.csv", HEADER),
        StoredRun.at(tmp_path / "d_m/rigl/0.5/seed0"),
    ]
    found = topology_curves(runs)
    assert list(found.columns) == TOPOLOGY_COLUMNS
    assert found["method"].tolist() == ["set", "set"]
    assert found[["step", "density", "itop_rate"]].to_numpy() == pytest.approx(
        np.array([[10, 0.5, 0.6], [20, 0.5, 0.75]])
    )
    assert topology_curves(runs[2:]).empty


def test_of_many_updates_the_first_the_last_and_some_between_are_kept(tmp_path):
    """The table of a full grid must stay small."""
    lines = "".join(f"{step},0.5,1,1,0,0.5\n" for step in range(1, 1001))
    steps = topology_curves([run_with(tmp_path / "d_m/set/0.5/seed0", "topology.csv", HEADER + lines)])["step"]
    assert len(steps) == MOST_UPDATES
    assert (steps.iloc[0], steps.iloc[-1]) == (1, 1000)
    assert steps.diff().dropna().between(4, 7).all()


def test_histories_are_averaged_over_seeds_by_epoch(tmp_path):
    """Losses 1 and 3 in the first epoch are 2."""
    runs = [
        run_with(tmp_path / f"d_m/set/0.5/seed{seed}", "history.csv", f"epoch,loss\n1,{1 + 2 * seed}\n")
        for seed in (0, 1)
    ]
    assert training_curves(runs)[["method", "epoch", "loss"]].to_numpy().tolist() == [["set", 1, 2.0]]
    assert training_curves([]).empty


def test_a_network_from_elsewhere_beside_a_trained_one_has_no_curve(tmp_path):
    """Its history has a header alone, which must not take the columns of the others away."""
    runs = [
        run_with(tmp_path / "d_m/dense/0/seed0", "history.csv", "epoch,loss\n1,0.5\n"),
        run_with(tmp_path / "d_m/ours/0/seed0", "history.csv", "epoch,loss\n"),
    ]
    assert training_curves(runs)[["method", "loss"]].to_numpy().tolist() == [["dense", 0.5]]
