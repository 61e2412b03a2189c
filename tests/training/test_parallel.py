"""Two processes train one network."""

from pathlib import Path

import pandas as pd
import torch

from dst_robustness.study.run import Run
from dst_robustness.training.loop import train_run
from dst_robustness.training.options import TrainingOptions
from dst_robustness.training.parallel import launch

# A fixed mask: gradients that differ by rounding may swap two nearly equal weights in a topology update.
# Without batch normalisation, whose statistics would be those of a process's share of the batch, and without dropout.
NETWORK = """
from torch import nn

def build(num_classes, image_size):
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, num_classes))
"""


def test_two_processes_train_the_network_that_one_would(splits: Path, options: TrainingOptions, tmp_path: Path) -> None:
    """Same masks and, up to float32 rounding, same weights and losses: each process takes half of every batch."""
    network = tmp_path / "plain_network.py"
    network.write_text(NETWORK)
    run = Run("tiny", "tiny", f"{network}:build", "static", 0.5, 0)
    shared = {"options": options.model_copy(update={"augmentation": "none"}), "sparse_options": {}}
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        launch(processes, train_run, splits / "train.h5", splits / "validation.h5", folder, run, **shared)
    for name in ("masks.pt", "model.pt"):
        one, two = (torch.load(tmp_path / processes / name, weights_only=True) for processes in "12")
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)
    one, two = (pd.read_csv(tmp_path / processes / "history.csv") for processes in "12")
    columns = ["step", "loss", "accuracy", "density"]
    pd.testing.assert_frame_equal(one[columns], two[columns], rtol=1e-3)
