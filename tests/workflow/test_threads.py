"""How many threads a job beside a GPU has."""

from copy import deepcopy

RUN = "runs/digits_resnet8/dense/0/seed0"


def test_who_decodes_pictures_gets_a_share_of_the_cores(new_study) -> None:
    """Pictures of 64 pixels are stored as JPEG: with one GPU and eight cores, half of them decode for its training."""
    config = deepcopy(new_study.config())
    config["datasets"]["digits"]["image_size"] = 64
    new_study.write_config(config)
    planned = new_study.run("--dry-run", "--cores", "8", "--resources", "gpu=1", "--", f"results/{RUN}/model.pt")
    training = planned[planned.index("Train digits_resnet8: dense") :]
    assert "threads: 4" in training[: training.index("\n\n")]
