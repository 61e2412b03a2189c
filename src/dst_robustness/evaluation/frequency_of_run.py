"""The frequency response of one trained network, from its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dst_robustness.evaluation.evaluate import load_network, predict, scale_of
from dst_robustness.evaluation.frequency_response import write_frequency_response
from dst_robustness.training.devices import choose_device


class Pictures:
    """Images in memory that are read in batches like ``storage.Samples``, without labels."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.labels = np.zeros(len(images), dtype=np.int64)
        self.sample_shape = images.shape[1:]

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield all images in order, ``size`` at a time."""
        for start in range(0, len(self.images), size):
            yield self.images[start : start + size]


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
        test: the clean test split of images.
        precision: arithmetic of the forward pass, as in training.
    """
    network = load_network(model, run, precision)
    mean, std = scale_of(run, test, choose_device())

    def classes(images: np.ndarray) -> np.ndarray:
        return predict(network, Pictures(images), mean, std, precision)[0]

    write_frequency_response(classes, test, radii, fourier, samples=samples, size=size)
