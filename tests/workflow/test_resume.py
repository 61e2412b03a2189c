"""A killed study goes on where it stopped and ends with the same weights."""

import torch


def test_a_killed_training_resumes_and_ends_bit_for_bit_the_same(finished_study, untrained) -> None:
    """SIGKILL to everything in the middle of a training; the same command again finishes the same study."""
    run = "results/runs/digits_resnet8/rigl/0.5/seed0"
    checkpoint = untrained.folder / run / "checkpoint.pt"
    untrained.kill_when(checkpoint.exists, f"{run}/model.pt")
    assert not (untrained.folder / run / "model.pt").exists()
    untrained.run("--unlock")
    untrained.run(f"{run}/model.pt")
    assert (
        "going on from the checkpoint"
        in (untrained.folder / "results/logs" / run.removeprefix("results/") / "train.log").read_text()
    )
    assert not checkpoint.exists()
    resumed, uninterrupted = (
        torch.load(folder / run / "model.pt", weights_only=True) for folder in (untrained.folder, finished_study.folder)
    )
    assert resumed.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        assert torch.equal(resumed[name], value), name
