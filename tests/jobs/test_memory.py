"""Data that a job does not trust cannot use all of its memory."""

import resource
import sys

import pytest

from dst_robustness.jobs.memory import bounded_memory

MEGABYTE = 1 << 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is in use")


def test_what_needs_more_fails_and_the_limit_is_taken_back():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with bounded_memory(100 * MEGABYTE):
        assert len(bytearray(50 * MEGABYTE)) == 50 * MEGABYTE
        with pytest.raises(MemoryError):
            bytearray(200 * MEGABYTE)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert len(bytearray(200 * MEGABYTE)) == 200 * MEGABYTE


def test_a_bound_within_a_bound_does_not_widen_it():
    with bounded_memory(100 * MEGABYTE), bounded_memory(1000 * MEGABYTE), pytest.raises(MemoryError):
        bytearray(200 * MEGABYTE)


def test_an_error_takes_the_limit_back():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(ValueError, match="bad"), bounded_memory(100 * MEGABYTE):
        raise ValueError("bad")
    assert resource.getrlimit(resource.RLIMIT_AS) == before
