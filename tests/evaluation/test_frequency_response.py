import numpy as np
import pandas as pd
import pytest

from dst_robustness.evaluation.frequency_response import (
    error_map,
    fourier_basis,
    fourier_errors,
    keep_frequencies,
    radius_accuracy,
    write_frequency_response,
)
from dst_robustness.sets.storage import create_hdf5, write_samples


def waves(*cycles: int, side: int = 16) -> np.ndarray:
    """Return one grey image uint8 [n, H, W, 3] per number of cycles along its rows, around 128."""
    rows = [128 + 60 * np.cos(2 * np.pi * count * np.arange(side) / side) for count in cycles]
    images = np.rint(np.array(rows))[:, None, :, None] * np.ones((1, side, 1, 3))
    return images.astype(np.uint8)


def test_low_pass_keeps_slow_waves_and_high_pass_fast_ones():
    """At radius 4 of 16 pixels two cycles are low and six are high; what is removed leaves the mean."""
    images = waves(2, 6)
    low, high = keep_frequencies(images, 4, "low"), keep_frequencies(images, 4, "high")
    assert np.abs(low[0].astype(int) - images[0]).max() <= 1
    assert np.ptp(low[1]) <= 1
    assert np.ptp(high[0]) <= 1
    assert np.abs(high[1].astype(int) - images[1]).max() <= 1
    assert abs(int(high[0].mean()) - 128) <= 1


def test_the_ends_of_the_radius_are_nothing_and_everything():
    """Radius 0 leaves the mean alone or the image alone; H / sqrt(2) is beyond the last frequency."""
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    assert (keep_frequencies(images, 16 / np.sqrt(2), "low") == images).all()
    assert (keep_frequencies(images, 0, "high") == images).all()
    assert np.ptp(keep_frequencies(images, 0, "low"), axis=(1, 2)).max() == 0
    with pytest.raises(ValueError, match="Allowed: low, high"):
        keep_frequencies(images, 1, "middle")


def test_radius_accuracy_finds_the_band_that_a_network_reads():
    """A 'network' that answers 1 where it sees contrast is right about a wave of 6 cycles exactly while 6 is kept."""
    images, labels = waves(6, 6), np.array([1, 1])
    table = radius_accuracy(lambda x: (np.ptp(x, axis=(1, 2, 3)) > 60).astype(int), images, labels, radii=[5, 6, 7])
    assert table["accuracy"].tolist() == [0, 1, 1, 1, 0, 0]
    assert table["kept"].tolist() == ["low"] * 3 + ["high"] * 3


def test_fourier_waves_have_unit_norm_and_one_frequency():
    """The basis of Yin et al.: real, norm 1, power at +-(row, column) only, the highest frequency included."""
    for row, column in ((0, 0), (1, 2), (-3, 2), (4, 4), (4, 0)):
        wave = fourier_basis(8, 8, row, column)
        assert np.linalg.norm(wave) == pytest.approx(1)
        power = np.abs(np.fft.fft2(wave)) ** 2
        places = {(row % 8, column % 8), (-row % 8, -column % 8)}
        assert sum(power[place] for place in places) == pytest.approx(power.sum())


def test_fourier_errors_are_where_the_network_looks():
    """A 'network' that reacts to variation along columns errs under exactly the waves that vary along columns."""
    images, labels = np.full((3, 8, 8, 3), 128, dtype=np.uint8), np.zeros(3, dtype=int)
    errors = fourier_errors(
        lambda x: (np.ptp(x.astype(int), axis=2).max(axis=(1, 2)) > 5).astype(int), images, labels, size=4
    )
    assert len(errors) == 13
    assert (errors["error"] == (errors["column"] > 0)).all()
    image = error_map(errors)
    assert image.shape == (5, 5)
    assert image[:, 2].tolist() == [0] * 5
    assert (np.delete(image, 2, axis=1) == 1).all()


def test_both_tables_are_written(tmp_path):
    """From a stored test set to two CSV files; clips are refused."""
    with create_hdf5(tmp_path / "test.h5") as file:
        write_samples(file, [waves(1, 2, 3)], np.array([0, 0, 0]))
    with create_hdf5(tmp_path / "clips.h5") as file:
        write_samples(file, [waves(1, 2)[None]], np.array([0]))
    never = lambda images: np.ones(len(images))  # noqa: E731
    write_frequency_response(
        never, tmp_path / "test.h5", tmp_path / "radius.csv", tmp_path / "fourier.csv", samples=2, size=2
    )
    assert (pd.read_csv(tmp_path / "radius.csv")["accuracy"] == 0).all()
    assert (pd.read_csv(tmp_path / "fourier.csv")["error"] == 1).all()
    with pytest.raises(ValueError, match="holds clips"):
        write_frequency_response(never, tmp_path / "clips.h5", tmp_path / "a", tmp_path / "b")
