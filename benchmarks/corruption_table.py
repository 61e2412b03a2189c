"""Time a table of accuracies under the benchmark's corruptions beside the same table made with imagecorruptions.

    python benchmarks/corruption_table.py [--images 100 8] [--rounds 3]

Both tables are of the same network, the same images and severities 1, 3 and 5, one thread each. With imagecorruptions
the table is made as people make it: image by image, then the network on the whole set. Calls alternate, and the median
of the rounds counts, in processor time. imagecorruptions knows the constants of ImageNet only.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from corruptions import load_peer, sample_images, seconds

from dst_robustness.corruptions import BENCHMARK_CORRUPTIONS, family_of
from dst_robustness.evaluation import corruption_table
from dst_robustness.evaluation.evaluate import predictor
from dst_robustness.models import build_model

SEVERITIES = (1, 3, 5)
SIDES = (32, 224)

Predict = Callable[[np.ndarray], np.ndarray]


def with_peer(corrupt: Callable[..., np.ndarray], predict: Predict, images: np.ndarray, labels: np.ndarray) -> None:
    """Make the table image by image."""
    for name in BENCHMARK_CORRUPTIONS:
        for severity in SEVERITIES:
            made = np.stack([corrupt(image, corruption_name=name, severity=severity) for image in images])
            (predict(made).argmax(1) == labels).mean()


def measure(side: int, count: int, rounds: int, peer: Callable[..., np.ndarray]) -> list[float]:
    """Return the seconds of our table, of the peer's, and of the network alone."""
    network = build_model("resnet8" if side == SIDES[0] else "resnet18", 10, image_size=side)
    predict = predictor(network, [0.5] * 3, [0.25] * 3, "float32", (3, side, side))
    images, labels = sample_images(side, count), np.arange(count) % 10

    def ours(first: int = count) -> None:
        options = {"family": family_of(side), "severities": SEVERITIES, "threads": 1}
        corruption_table(predict, images[:first], labels[:first], **options)

    def alone() -> None:
        for _ in range(len(BENCHMARK_CORRUPTIONS) * len(SEVERITIES) + 1):
            predict(images)

    ours(2)  # compiles what is compiled once a machine
    ways = (ours, lambda: with_peer(peer, predict, images, labels), alone)
    taken = [[seconds(way) for way in ways] for _ in range(rounds)]
    return [median(values) for values in zip(*taken, strict=True)]


def main() -> None:
    """Print a line for each size of images."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, nargs=2, default=[100, 8], help="how many of 32 and of 224 pixels")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    peer = load_peer()
    assert peer is not None, "this benchmark needs the package imagecorruptions"
    print(
        "| pixels | images | corruption_table | with imagecorruptions | ratio | network alone |",
        "|---" * 6 + "|",
        sep="\n",
    )
    for side, count in zip(SIDES, options.images, strict=True):
        ours, theirs, alone = measure(side, count, options.rounds, peer)
        print(f"| {side} | {count} | {ours:.1f} s | {theirs:.1f} s | {theirs / ours:.1f} | {alone:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
