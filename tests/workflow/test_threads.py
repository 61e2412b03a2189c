"""How many threads a job beside a GPU has."""

import json
from copy import deepcopy

RUN = "runs/digits_resnet8/dense/0/seed0"


def test_who_decodes_pictures_gets_a_share_of_the_cores(new_study) -> None:
    """Pictures of 64 pixels are stored as JPEG: with one GPU and eight cores, half of them decode for its training."""
    config = deepcopy(new_study.config())
    config["datasets"]["digits"]["image_size"] = 64
    config["scenarios"][0]["training"] |= {"epochs": 1, "checkpoint_seconds": 60}
    config["scenarios"][0]["sparse_training"]["update_interval"] = 1
    new_study.write_config(config)
    new_study.run("--cores", "8", "--resources", "gpu=1", "--benchmark-extended", "--", f"results/{RUN}/model.pt")
    measured = json.loads((new_study.folder / f"results/benchmarks/{RUN}/train.jsonl").read_text())
    assert measured["threads"] == 4
