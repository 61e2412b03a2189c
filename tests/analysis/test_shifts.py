"""Columns of natural shift: counted by hand, paired by seed, and apart from robust accuracy."""

import numpy as np
import pandas as pd
import pytest

from dst_robustness.analysis.runs import ROW, StoredRun
from dst_robustness.analysis.shifts import beside, shift_table
from dst_robustness.sets.storage import create_hdf5


@pytest.fixture
def store(tmp_path):
    def stored(method, sparsity, seed, predicted, images="1"):
        folder = tmp_path / "runs" / "c10" / method / str(sparsity) / f"seed{seed}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text('{"dataset": "cifar10", "model": "resnet8"}')
        with create_hdf5(folder / "shifts.h5") as file:
            group = file.create_group("cifar10_1")
            group.attrs["samples_sha256"] = images
            group["labels"], group["predicted"] = np.zeros(len(predicted), np.int64), np.array(predicted)
        return folder

    return stored


def test_accuracy_and_paired_gain_by_hand(store):
    """Dense recognises 1 and 3 of 4, RigL 3 and 3: a gain of 0.25 where both seeds are paired."""
    folders = [
        store("dense", 0.0, 0, [0, 1, 1, 1]), store("dense", 0.0, 1, [0, 0, 0, 1]),
        store("rigl", 0.5, 0, [0, 0, 0, 1]), store("rigl", 0.5, 1, [0, 0, 1, 0]),
    ]  # fmt: skip
    table = shift_table(folders, resamples=500).set_index("method")
    assert table["accuracy"].to_dict() == {"dense": 0.5, "rigl": 0.75}
    assert table["gain"].to_dict() == {"dense": 0.0, "rigl": 0.25}
    assert (table["seeds"] == 2).all()
    low, high = table.loc["rigl", ["gain_low", "gain_high"]]
    assert low < 0.25 < high
    assert (table["accuracy_low"] <= table["accuracy"]).all()


def test_the_baseline_is_the_study_s_own(store):
    """Gains are those over the named method, at the same sparsity where it has several."""
    folders = [
        store("dense_l2", 0.0, 0, [0, 1, 1, 1]), store("dense", 0.0, 0, [0, 0, 1, 1]),
        store("rigl", 0.5, 0, [0, 0, 0, 1]),
    ]  # fmt: skip
    gains = shift_table(folders, baseline="dense_l2", resamples=100).set_index("method")["gain"]
    assert gains.to_dict() == {"dense_l2": 0.0, "rigl": 0.5, "dense": 0.25}


def test_a_run_on_other_images_is_left_out(store, caplog):
    folders = [store("dense", 0.0, 0, [0, 1]), store("rigl", 0.5, 0, [0, 0], images="2")]
    assert shift_table(folders, resamples=100)["method"].tolist() == ["dense"]
    assert "tested on other images of cifar10_1" in caplog.text


def test_runs_without_the_file_give_no_row(store):
    folder = store("dense", 0.0, 0, [0, 1])
    (folder / "shifts.h5").unlink()
    assert shift_table([folder]).empty


def test_columns_stand_beside_the_others_and_change_none(store):
    folder = store("dense", 0.0, 0, [0, 1])
    names = {name: StoredRun.at(folder).names[name] for name in ROW}
    rows = pd.DataFrame([names | {"robust_accuracy": 0.3}, names | {"method": "set", "robust_accuracy": 0.4}])
    found = beside(rows, shift_table([folder], resamples=100))
    assert found["robust_accuracy"].tolist() == [0.3, 0.4]
    assert found["cifar10_1_accuracy"].tolist()[0] == 0.5
    assert np.isnan(found["cifar10_1_accuracy"].tolist()[1])
