import json

import h5py
import numpy as np
import pytest

from dst_robustness.analysis.runs import (
    StoredRun,
    collect_tables,
    complete_runs,
    image_scores,
    is_at_chance,
    made_with,
)
from dst_robustness.sets.predictions import Predictions


def test_a_run_is_named_by_its_folder(tmp_path):
    """The last four parts, whatever is above them; run.json says of which data set and model it is."""
    folder = tmp_path / "runs/wide/rigl/0.25/seed3"
    run = StoredRun.at(folder)
    assert (run.scenario, run.dataset, run.method, run.sparsity, run.seed) == ("wide", "", "rigl", 0.25, 3)
    assert str(run) == "wide rigl 0.25 seed 3"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"dataset": "cifar10", "model": "vgg16"}')
    assert StoredRun.at(folder).names["dataset"] == "cifar10"
    assert run.missing_file == "predictions.h5"


@pytest.fixture
def predictions(tmp_path):
    answers = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=np.int32)
    nothing = np.zeros((3, 3), dtype=np.float32)
    stored = Predictions(np.ones(3, np.int64), ["clean", "fog", "fog"], np.array([0, 1, 2]), answers, nothing, nothing)
    stored.save(tmp_path / "predictions.h5")
    return tmp_path / "predictions.h5"


def test_image_scores_by_hand(predictions):
    """Share of the corrupted cells in which each image was recognised; the clean set does not count."""
    found = image_scores(predictions)
    assert found.scores.tolist() == [1.0, 0.5, 0.0]
    assert found.cells == (("fog", 1), ("fog", 2))


def test_damaged_predictions_are_named(predictions):
    """A file that lacks its answers is one clear line, not a stack of library errors."""
    with h5py.File(predictions, "a") as file:
        del file["predicted"]
    with pytest.raises(ValueError, match=r"predictions\.h5: no complete predictions"):
        image_scores(predictions)


def test_complete_and_incomplete_runs_are_told_apart(tmp_path):
    """A run counts once all three of its files are there."""
    whole, part = tmp_path / "d_m/dense/0/seed0", tmp_path / "d_m/set/0.1/seed0"
    for folder, names in ((whole, ("predictions.h5", "metrics.csv", "run.json")), (part, ("predictions.h5",))):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text(json.dumps({"device": "H200", "versions": {"torch": "2.9"}}))
    runs, missing = complete_runs([part, whole])
    assert [run.method for run in runs] == ["dense"]
    assert [(run.method, reason) for run, reason in missing] == [("set", "no metrics.csv")]
    (part / "diverged.csv").touch()
    assert complete_runs([part])[1][0][1] == "diverged: see diverged.csv in its folder"
    assert made_with([part, whole]) == {"runs": "1", "seeds": "0", "device": "H200", "torch": "2.9"}


def test_tables_of_runs_are_put_below_each_other(tmp_path):
    """Each row says which run it is from."""
    for seed in (0, 1):
        folder = tmp_path / f"d_m/set/0.1/seed{seed}"
        folder.mkdir(parents=True)
        (folder / "radius.csv").write_text(f"radius,accuracy\n1.0,0.{seed}\n")
    collect_tables([tmp_path / f"d_m/set/0.1/seed{seed}" for seed in (0, 1, 2)], "radius.csv", tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text().splitlines() == [
        "scenario,dataset,model,method,sparsity,seed,radius,accuracy", "d_m,,,set,0.1,0,1.0,0.0",
        "d_m,,,set,0.1,1,1.0,0.1",
    ]  # fmt: skip


def test_runs_on_other_images_with_the_same_labels_are_told_apart(tmp_path):
    """Pairing them would compare answers on different images."""
    nothing = np.zeros((2, 3), np.float32)
    found = []
    for name, sums in (("a", ("1", "2")), ("b", ("1", "2")), ("c", ("1", "3"))):
        cells = np.ones(3, np.int64), ["clean", "fog"], np.array([0, 1])
        Predictions(*cells, np.ones((2, 3), np.int32), nothing, nothing, sums).save(tmp_path / f"{name}.h5")
        found.append(image_scores(tmp_path / f"{name}.h5").test_set)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("hits", "labels", "expected"),
    [
        (59, [0] * 50 + [1] * 50, True),  # half of them by one answer, give or take ten
        (61, [0] * 50 + [1] * 50, False),
        (80, [0] * 80 + [1] * 20, True),  # an answer to all that is right in 80% of an unbalanced set
        (20, [0] * 100, False),  # one class: nothing to compare with
    ],
)
def test_a_network_that_learned_nothing_is_told_from_one_that_did(hits, labels, expected):
    """Protects against gains of networks whose training never took off."""
    recognised = np.arange(100) < hits
    assert is_at_chance(recognised.astype(np.float32), np.array(labels)) is expected
