"""A killed study goes on where it stopped and ends with the same weights."""

import torch


def test_a_killed_training_resumes_and_ends_bit_for_bit_the_same(finished_study, new_study) -> None:
    """SIGKILL to everything in the middle of a training; the same command again finishes the same study."""
    run = "results/runs/digits_resnet8/rigl/0.5/seed0"
    checkpoint = new_study.folder / run / "checkpoint.pt"
    new_study.kill_when(checkpoint.exists, f"{run}/model.pt")
    assert not (new_study.folder / run / "model.pt").exists()
    new_study.run("--unlock")
    new_study.run(f"{run}/model.pt")
    assert (
        "going on from the checkpoint"
        in (new_study.folder / "results/logs" / run.removeprefix("results/") / "train.log").read_text()
    )
    assert not checkpoint.exists()
    resumed, uninterrupted = (
        torch.load(folder / run / "model.pt", weights_only=True) for folder in (new_study.folder, finished_study.folder)
    )
    assert resumed.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        assert torch.equal(resumed[name], value), name
