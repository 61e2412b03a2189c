"""The embedded digits: real scans, smoothly enlarged, one fixed test split."""

import numpy as np
import pytest

from dst_robustness.datasets import DATASETS
from dst_robustness.datasets.digits import all_scans, upscale
from dst_robustness.datasets.spec import Acquired

SPEC = DATASETS["digits"]


@pytest.fixture(scope="module")
def raw():
    return SPEC.read(SPEC, Acquired())


def test_scans_are_those_of_scikit_learn():
    """Networks that were trained with its copy of the digits are tested on the same images."""
    from sklearn.datasets import load_digits

    scans, labels = all_scans()
    np.testing.assert_array_equal(scans, load_digits().images)
    np.testing.assert_array_equal(labels, load_digits().target)
    assert (scans.dtype, labels.dtype) == (np.float64, np.int64)


def test_all_1797_scans_are_there_once(raw):
    assert (len(raw.train.labels), len(raw.test.labels)) == (1297, 500)
    images = {split.load(i).tobytes() for split in (raw.train, raw.test) for i in range(len(split.labels))}
    assert len(images) == 1797


def test_the_test_split_is_stratified(raw):
    assert np.bincount(raw.test.labels).tolist() == [50, 51, 49, 51, 50, 51, 50, 50, 48, 50]


def test_labels_belong_to_their_pictures(raw):
    """A nearest class mean that learns on train recognises test, which shuffled labels would not allow."""
    train, test = (np.stack([s.load(i) for i in range(len(s.labels))])[..., 0] / 255 for s in (raw.train, raw.test))
    means = np.stack([train[raw.train.labels == digit].mean(axis=0) for digit in range(10)])
    distances = ((test[:, None] - means[None]) ** 2).sum(axis=(2, 3))
    assert (distances.argmin(axis=1) == raw.test.labels).mean() > 0.85


def test_enlarging_keeps_range_and_place():
    scan = np.zeros((1, 8, 8))
    scan[0, 0:4, 4:8] = 16
    image = upscale(scan)
    assert image.shape == (1, 32, 32, 3)
    assert image.dtype == np.uint8
    assert image[0, 6, 26].tolist() == [255, 255, 255]
    assert image[0, 26, 6].tolist() == [0, 0, 0]
    assert 0 < image[0, 16, 26, 0] < 255, "the edge is smooth"


def test_mean_and_std_are_those_of_the_training_pixels(raw):
    pixels = np.stack([raw.train.load(i) for i in range(1297)]) / 255
    assert pixels.mean() == pytest.approx(SPEC.mean[0], abs=1e-3)
    assert pixels.std() == pytest.approx(SPEC.std[0], abs=1e-3)
