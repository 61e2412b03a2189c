import math

import numpy as np
import pytest

from dst_robustness.analysis.frequency import (
    corruption_shares,
    high_frequency_share,
    power_spectrum,
    write_corruption_shares,
)
from dst_robustness.sets.storage import create_hdf5, write_samples


def wave(cycles: int, side: int = 16) -> np.ndarray:
    """Return one image [1, H, W, 3] with this many cycles along its rows."""
    row = np.cos(2 * np.pi * cycles * np.arange(side) / side)
    return np.broadcast_to(row[None, None, :, None], (1, side, side, 3))


@pytest.mark.parametrize(("cycles", "share"), [(1, 0.0), (4, 0.0), (5, 1.0), (8, 1.0)])
def test_a_single_wave_is_low_or_high(cycles, share):
    """With 16 pixels, 8 cycles are the most there are and 4 are half of that: the border."""
    assert high_frequency_share(power_spectrum(wave(cycles))) == pytest.approx(share, abs=1e-12)


def test_two_waves_share_by_their_energy():
    """Amplitude 3 low and 1 high: a tenth of the energy is high."""
    assert high_frequency_share(power_spectrum(3 * wave(2) + wave(7))) == pytest.approx(0.1)
    assert math.isnan(high_frequency_share(power_spectrum(0 * wave(2))))


@pytest.fixture
def sets(tmp_path):
    """A clean set, and two 'corruptions': a slow wave and a checkerboard, at severities 1 and 2."""
    clean = np.full((4, 16, 16, 3), 100, dtype=np.uint8)
    board = 10 * (np.indices((16, 16)).sum(axis=0) % 2)[None, :, :, None]
    with create_hdf5(tmp_path / "test.h5") as file:
        write_samples(file, [clean], np.zeros(4))
    for name, change in (("slow", np.rint(20 * wave(1))), ("board", board)):
        with create_hdf5(tmp_path / f"{name}.h5") as file:
            for severity in (1, 2):
                write_samples(file.create_group(str(severity)), [(clean + change).astype(np.uint8)], np.zeros(4))
    return tmp_path


def test_corruptions_are_measured_against_the_clean_images(sets):
    """A checkerboard is half mean, half highest frequency; a slow wave is low but for rounding."""
    table = corruption_shares("toy", sets / "test.h5", {name: sets / f"{name}.h5" for name in ("slow", "board")})
    shares = table.set_index(["corruption", "severity"])["high_frequency_share"]
    assert shares["board", 2] == pytest.approx(0.5)
    assert shares["slow", 1] < 0.01
    write_corruption_shares({"toy": (sets / "test.h5", {"slow": sets / "slow.h5"})}, sets / "frequency.csv", samples=2)
    assert (
        (sets / "frequency.csv").read_text().startswith("dataset,corruption,severity,high_frequency_share\ntoy,slow,1,")
    )
