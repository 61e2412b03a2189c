"""The procedural set: repeatable, any size, classes that can be told apart, backgrounds like those of photographs."""

from dataclasses import replace

import numpy as np
import pytest

from dst_robustness.datasets import DATASETS
from dst_robustness.datasets.shapes import CLASSES, background, draw, outline
from dst_robustness.datasets.spec import Acquired


def test_a_picture_depends_on_its_number_and_split_alone():
    np.testing.assert_array_equal(draw(7, 0, 32), draw(7, 0, 32))
    assert not np.array_equal(draw(7, 0, 32), draw(17, 0, 32))
    assert not np.array_equal(draw(7, 0, 32), draw(7, 1, 32))


@pytest.mark.parametrize("side", [16, 32, 224])
def test_any_size_is_drawn_in_full_range(side):
    picture = draw(3, 0, side)
    assert picture.shape == (side, side, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 15


def test_the_background_falls_off_as_one_over_f():
    """Amplitude falls from frequency 4 to 16 by a factor of four: a slope of -1 on logarithmic axes."""
    spectra = [np.abs(np.fft.fft2(background(np.random.default_rng(seed), 128)[..., 0])) for seed in range(20)]
    spectrum = np.sqrt(np.mean(np.square(spectra), axis=0))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128) * 128, np.fft.fftfreq(128) * 128))
    ring = (frequency >= 2) & (frequency <= 32)
    slope = np.polyfit(np.log(frequency[ring]), np.log(spectrum[ring]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.15)


@pytest.mark.parametrize("name", CLASSES)
def test_outlines_lie_in_the_unit_disc(name):
    for polygon in outline(name):
        assert polygon.shape[1] == 2
        assert np.abs(polygon).max() <= 1.3


def test_the_registry_entry_draws_what_is_asked_for():
    spec = replace(DATASETS["shapes"], image_size=64)
    raw = spec.read(spec, Acquired())
    assert len(raw.train.labels) == 2_000_000
    assert raw.train.labels[1_234_567] == 7
    assert raw.test.load(5).shape == (64, 64, 3)
