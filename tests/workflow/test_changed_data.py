"""The user's own folder after a study was run on it: a change of it is a change of all that was made from it."""

from copy import deepcopy
from pathlib import Path

import pytest
from PIL import Image

NETWORK = "results/runs/own_resnet8/dense/0/seed0/model.pt"


@pytest.fixture
def own_study(new_study, tmp_path: Path):
    """One dense network of a folder of twenty images."""
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (32, 32), (20 * i, 100 * label, 0)).save(tmp_path / "own" / name / f"{i}.png")
    config = deepcopy(new_study.config())
    config["datasets"] = {"own": {"type": "image_folder", "path": "own", "image_size": 32}}
    config["scenarios"][0] |= {"dataset": "own", "training": {"epochs": 1, "batch_size": 4}}
    new_study.write_config(config)
    return new_study


def test_a_changed_folder_is_prepared_and_trained_anew(own_study) -> None:
    """An image that is moved to another class keeps its time; one that is only read changes nothing."""
    own_study.run(NETWORK)
    (own_study.folder / "own/cat/0.png").read_bytes()
    assert own_study.planned(NETWORK) == {}
    (own_study.folder / "own/cat/0.png").rename(own_study.folder / "own/dog/moved.png")
    assert own_study.planned(NETWORK) == {"acquire_dataset": 1, "prepare_dataset": 1, "train_run": 1}
