"""The training loop: what it leaves behind, that it learns, that it resumes, that it fails well."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch

from dst_robustness.study.run import Run
from dst_robustness.training import loop
from dst_robustness.training.build import build_state
from dst_robustness.training.data import SampleSet
from dst_robustness.training.graph import captured
from dst_robustness.training.options import TrainingOptions


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "model.pt", weights_only=True)


def test_outputs_of_a_run(train: Callable[..., None], tmp_path: Path) -> None:
    """History has a row for each epoch, topology one for each update, run.json the numbers of the network."""
    train(tmp_path)
    history, topology = pd.read_csv(tmp_path / "history.csv"), pd.read_csv(tmp_path / "topology.csv")
    run = json.loads((tmp_path / "run.json").read_text())
    masks = torch.load(tmp_path / "masks.pt", weights_only=True)
    assert history["epoch"].tolist() == [1, 2]
    assert history["step"].tolist() == [3, 6]
    assert topology["step"].tolist() == [2]  # the next would be at 4, where updates end
    assert (topology["density"] - 0.5).abs().max() < 1e-4
    assert topology["dropped"].tolist() == topology["grown"].tolist()
    assert sum(int(mask.sum()) for mask in masks.values()) == run["nonzero_parameters"] - (
        run["parameters"] - sum(mask.numel() for mask in masks.values())
    )
    for name, mask in masks.items():
        assert not weights(tmp_path)[name][~mask].any(), name
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "history.csv", "masks.pt", "model.pt", "run.json", "topology.csv",
    ]  # fmt: skip


def test_it_learns(train: Callable[..., None], options: TrainingOptions, tmp_path: Path) -> None:
    """The network recognises dark and bright after a few steps."""
    train(
        tmp_path, method="dense", sparsity=0, options=options.model_copy(update={"epochs": 8, "augmentation": "none"})
    )
    assert pd.read_csv(tmp_path / "history.csv")["validation_accuracy"].iloc[-1] == 1


@pytest.mark.parametrize("change", [{}, {"weight_averaging": 0.5}, {"mixing": "cutmix"}, {"optimizer": "adamw"}])
def test_a_run_that_is_stopped_in_an_epoch_resumes_bit_for_bit(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path, change: dict[str, object], cut_steps: list
) -> None:
    """The fifth step of six raises. The second attempt repeats it and ends with the same weights."""
    options = options.model_copy(update=dict(checkpoint_seconds=0, **change))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", options=options)
    train(tmp_path / "cut", options=options)
    assert len(cut_steps) == 5 + 2
    train(tmp_path / "whole", options=options)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    columns = ["epoch", "loss", "accuracy", "validation_loss", "density"]
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "whole/history.csv")[columns], pd.read_csv(tmp_path / "cut/history.csv")[columns]
    )


def test_a_diverged_run_fails_with_the_loss_and_keeps_its_history(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss that is not finite ends the run, and no checkpoint of it stays; its history goes when it is trained."""
    rates = {0: 0.01, 1: 0.01, 2: 0.01}  # the first epoch; 1e30 from then on
    with monkeypatch.context() as patched:
        patched.setattr(loop, "learning_rate", lambda step, total, **_: rates.get(step, 1e30))
        with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) in epoch 2, .*learning_rate \(0\.05\)"):
            train(tmp_path, options=options)
    assert not (tmp_path / "model.pt").exists()
    assert not (tmp_path / "checkpoint.pt").exists()
    assert pd.read_csv(tmp_path / "diverged.csv")["epoch"].tolist() == [1]
    train(tmp_path, options=options)
    assert not (tmp_path / "diverged.csv").exists()


def test_a_compiled_network_trains_to_the_same_masks(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same weights up to rounding, under the same names, and the masks of the same topology updates.

    The network is traced; the C++ that torch would make of it takes most of a minute and is not ours.
    """
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    options = options.model_copy(update={"batch_size": 20})
    train(tmp_path / "plain", options=options)
    train(tmp_path / "compiled", options=options.model_copy(update={"compile": True}))
    for name in ("model.pt", "masks.pt"):
        plain, compiled = (torch.load(tmp_path / run / name, weights_only=True) for run in ("plain", "compiled"))
        torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_step_never_waits_for_the_gpu(splits: Path, options: TrainingOptions) -> None:
    """Fetching a batch, augmenting it and training on it read nothing back, so that the GPU is never without work."""
    data = SampleSet(splits / "train.h5", torch.device("cuda"))
    options = options.model_copy(update={"gradient_clipping": 1.0, "augmentation": "crop_flip", "precision": "auto"})
    state = build_state(Run("tiny_resnet8", "tiny", "resnet8", "static", 0.5, 0), data, options, {}, None)
    batches = data.shuffled(16, seed=0, epoch=0)
    gradients = captured(state, partial(loop.backward, state, data, options))
    loop.train_step(state, data, *next(batches), options, gradients)  # the first one prepares the optimiser's states
    torch.cuda.set_sync_debug_mode("error")
    try:
        loop.train_step(state, data, *next(batches), options, gradients)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_gradient_accumulation_is_the_same_step(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path
) -> None:
    """Two halves of a batch add up to its gradient: layers without batch statistics get the same first update."""
    options = options.model_copy(update={"epochs": 1, "batch_size": 40, "augmentation": "none"})
    train(tmp_path / "one", method="dense", sparsity=0, options=options)
    train(tmp_path / "two", method="dense", sparsity=0, options=options.model_copy(update={"gradient_accumulation": 2}))
    one, two = (pd.read_csv(tmp_path / name / "history.csv") for name in ("one", "two"))
    # Batch normalisation sees halves, so the loss is close and not equal.
    assert one["loss"][0] == pytest.approx(two["loss"][0], rel=0.05)
    assert one["step"][0] == two["step"][0] == 1


def test_frozen_masks_start_where_another_run_ended(train: Callable[..., None], tmp_path: Path) -> None:
    """The control trains the final masks of a dynamic run from the start."""
    train(tmp_path / "rigl")
    train(tmp_path / "frozen", method="dst_frozen", masks=tmp_path / "rigl/masks.pt")
    rigl, frozen = (torch.load(tmp_path / name / "masks.pt", weights_only=True) for name in ("rigl", "frozen"))
    assert all(torch.equal(rigl[name], frozen[name]) for name in rigl)


def test_narrow_dense_control_has_as_many_parameters(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path
) -> None:
    """dense_small at sparsity 0.5 is a narrower network of half the parameters, without masks."""
    train(tmp_path / "dense", method="dense", sparsity=0, options=options.model_copy(update={"epochs": 1}))
    train(tmp_path / "small", method="dense_small", options=options.model_copy(update={"epochs": 1}))
    dense, small = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("dense", "small"))
    assert small["parameters"] == pytest.approx(dense["parameters"] / 2, rel=0.1)
    assert small["width"] < 1
    assert small["inference_flops_ratio"] == pytest.approx(small["inference_flops"] / dense["inference_flops"])


def test_batches_of_one_sample_are_refused(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path
) -> None:
    """The line names the option; torch's own speaks of values per channel, and comes for images of one pixel only."""
    with pytest.raises(ValueError, match=r"training.batch_size is 1, .*needs two samples a process .*; raise it"):
        train(tmp_path, options=options.model_copy(update={"batch_size": 1}))


def test_run_json_holds_the_whole_recipe(train: Callable[..., None], options: TrainingOptions, tmp_path: Path) -> None:
    """What a stranger needs to use the network, and what a later call compares its own options with."""
    train(tmp_path, options=options)
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["recipe"]["training"] == options.model_dump(exclude={"checkpoint_seconds", "tensorboard"})
    assert run["recipe"]["sparse_training"] == {"update_interval": 2}
    assert run["data"]["samples"] == 40
    assert run["classes"] == ["dark", "bright"]
    assert (run["mean"], run["std"]) == (pytest.approx([0.4] * 3), pytest.approx([0.2] * 3))
    assert run["layout"] == "NCHW, RGB, (value / 255 - mean) / std"
    assert {"dst-robustness", "torch", "python"} <= run["versions"].keys()


def test_a_finished_network_is_not_replaced_without_a_word(
    train: Callable[..., None], options: TrainingOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the option that changed; another interval of the checkpoints is no change."""
    train(tmp_path, options=options)
    assert "again" not in capsys.readouterr().out
    for change, cause in (({"momentum": 0.8}, "training.momentum 0.9 -> 0.8"), ({}, "training.momentum 0.8 -> 0.9")):
        train(tmp_path, options=options.model_copy(update={"checkpoint_seconds": 7, **change}))
        assert f"1 finished network will be trained again: {cause}." in capsys.readouterr().out
