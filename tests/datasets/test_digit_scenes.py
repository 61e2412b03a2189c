"""Digits in scenes: the same on every machine, test scans apart from training scans, strokes that stand out."""

import numpy as np
import pytest

from dst_robustness.corruptions import BENCHMARK_CORRUPTIONS, corrupt_images
from dst_robustness.datasets import DATASETS
from dst_robustness.datasets.digit_scenes import draw
from dst_robustness.datasets.digits import divided_scans
from dst_robustness.datasets.spec import Acquired

SPEC = DATASETS["digit_scenes"]


def test_a_sample_depends_on_its_number_alone() -> None:
    """The same image at every reading; another scene for the same scan."""
    (scans, _), _ = divided_scans()
    assert np.array_equal(draw(scans[0], 0, 0), draw(scans[0], 0, 0))
    assert not np.array_equal(draw(scans[0], 0, 0), draw(scans[0], 0, len(scans)))
    assert draw(scans[0], 0, 0).shape == (32, 32, 3)


def test_no_scan_is_in_both_splits_and_labels_go_with_their_scans() -> None:
    """The scans of the two splits differ, and the labels repeat with the scans."""
    (train, labels), (test, _) = divided_scans()
    assert not {scan.tobytes() for scan in train} & {scan.tobytes() for scan in test}
    raw = SPEC.read(SPEC, Acquired())
    assert np.array_equal(raw.train.labels[len(labels) : 2 * len(labels)], labels)


def test_ink_stands_out_from_its_scene() -> None:
    """In the colour that tells it best, so that a person can read the digit; in another one it may be faint."""
    (scans, _), _ = divided_scans()
    differences = []
    for index in range(20):
        image = draw(scans[index], 0, index).astype(float)
        paper = np.median(np.concatenate([image[0], image[-1]]), axis=0)
        differences.append(np.percentile(image - paper, 97, axis=(0, 1)))
    assert np.max(differences, axis=1).min() > 60
    assert np.min(differences, axis=1).min() < 60


def test_the_stated_mean_and_spread_are_those_of_the_images() -> None:
    """The inputs of networks are about standard normal."""
    raw = SPEC.read(SPEC, Acquired())
    pixels = np.stack([raw.train.load(row) for row in range(150)]) / 255
    assert np.allclose(pixels.mean((0, 1, 2)), SPEC.mean, atol=0.03)
    assert np.allclose(pixels.std((0, 1, 2)), SPEC.std, atol=0.03)


# By the benchmark's own constants: glass blur and elastic transform trade reach for roughness, frost its two shares.
NOT_BY_PIXELS = {"glass_blur", "frost", "elastic_transform"}


@pytest.mark.parametrize("corruption", BENCHMARK_CORRUPTIONS)
def test_every_corruption_changes_scenes_and_more_so_with_severity(corruption: str) -> None:
    """No corruption of the first study is invisible on it. This looks at the mean change of a pixel, of 255, not at
    networks: they may do better at a higher severity."""
    (_, _), (scans, _) = divided_scans()
    images = np.stack([draw(scans[index], 1, index) for index in range(24)])
    corrupted = [corrupt_images(images, corruption, severity, family="cifar") for severity in range(1, 6)]
    changes = [np.abs(images.astype(float) - one).mean() for one in corrupted]
    assert changes[0] > 0.5
    assert changes[4] > 2.5
    if corruption not in NOT_BY_PIXELS:
        assert changes == sorted(changes)
