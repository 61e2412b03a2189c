"""The counter-based generator: its bits, its distributions, its independence."""

import numpy as np
import pytest

from dst_robustness.corruptions.random import bits, integer, normal, stream_keys, uniform

COUNT = 100_000


def draws(function, key, *arguments):
    return np.array([function(key, i, *arguments) for i in range(COUNT)])


def test_bits_are_those_of_splitmix64():
    """The published test vector: seed 1234567, first three outputs."""
    assert [int(bits(np.uint64(1234567), i)) for i in (1, 2, 3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_normal_numbers_have_the_moments_and_tails_of_a_normal_distribution():
    """Mean, variance, skewness, kurtosis and both tails within five standard errors."""
    x = draws(normal, np.uint64(3))
    error = 1 / np.sqrt(COUNT)
    assert abs(x.mean()) < 5 * error
    assert abs(x.var() - 1) < 5 * error * np.sqrt(2)
    assert abs((x**3).mean()) < 5 * error * np.sqrt(15)
    assert abs((x**4).mean() - 3) < 5 * error * np.sqrt(96)
    for tail in (x > 2, x < -2):
        assert abs(tail.mean() - 0.02275) < 5 * np.sqrt(0.02275 / COUNT)
    assert abs((np.abs(x) > 3.7).mean() - 2.156e-4) < 5 * np.sqrt(2.2e-4 / COUNT)


def test_uniform_numbers_fill_their_interval_evenly():
    """Ten bins within five standard errors, nothing outside [0, 1)."""
    x = draws(uniform, np.uint64(4))
    assert 0 <= x.min() < x.max() < 1
    assert np.abs(np.histogram(x, 10, (0, 1))[0] - COUNT / 10).max() < 5 * np.sqrt(COUNT / 10)


def test_integers_are_even():
    """Five values, equally often."""
    assert np.abs(np.bincount(draws(integer, np.uint64(5), 5)) - COUNT / 5).max() < 5 * np.sqrt(COUNT / 5)


def test_keys_depend_on_seed_name_severity_and_index_alone():
    """Any window of a set has the keys of the whole set; any other word changes all of them."""
    whole = stream_keys(0, "fog", 3, 0, 100)
    assert len(set(whole)) == 100
    np.testing.assert_array_equal(stream_keys(0, "fog", 3, 40, 7), whole[40:47])
    for other in ((1, "fog", 3), (0, "fof", 3), (0, "fog", 4)):
        assert not np.intersect1d(whole, stream_keys(*other, 0, 100)).size


@pytest.mark.parametrize(("seed", "first_index"), [(-1, 0), (1 << 64, 0), (0, -1)])
def test_a_seed_or_index_out_of_range_is_refused(seed, first_index):
    """No silent wrap-around to another stream."""
    with pytest.raises(ValueError, match="is not in"):
        stream_keys(seed, "fog", 1, first_index, 1)
