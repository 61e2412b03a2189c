"""The frequency response of one trained network, from its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dst_robustness.evaluation.evaluate import load_network
from dst_robustness.evaluation.frequency_response import write_frequency_response
from dst_robustness.storage import open_hdf5
from dst_robustness.training.data import normalise
from dst_robustness.training.devices import autocast, choose_device

BATCH_SIZE = 512


def measure_run(
    model: Path,
    run: Path,
    test: Path,
    radii: Path,
    fourier: Path,
    *,
    precision: str,
    samples: int = 1000,
    size: int | None = None,
) -> None:
    """Write radius.csv and fourier.csv of one run; see ``write_frequency_response``.

    Args:
        model: the network's state_dict.
        run: run.json, which says how to build the network.
        test: the clean test split, of images.
        precision: arithmetic of the forward pass; the one that the network was trained in.
    """
    device = choose_device()
    network = load_network(model, run).to(device, memory_format=torch.channels_last).eval()
    with open_hdf5(test) as file:
        mean, std = (torch.tensor(file.attrs[name], device=device).float().view(1, 3, 1, 1) for name in ("mean", "std"))

    @torch.inference_mode()
    def predict(images: np.ndarray) -> np.ndarray:
        answers = []
        for start in range(0, len(images), BATCH_SIZE):
            pixels = torch.from_numpy(images[start : start + BATCH_SIZE]).to(device).movedim(-1, 1)
            with autocast(device, precision):
                answers.append(network(normalise(pixels, mean, std)).argmax(1))
        return torch.cat(answers).cpu().numpy()

    write_frequency_response(predict, test, radii, fourier, samples=samples, size=size)
