"""The next items are made while the current one is used, and no more than allowed."""

import threading

import pytest

from dst_robustness.sets.ahead import ahead


def test_results_come_in_order_and_no_more_than_asked_for_wait() -> None:
    """Memory is bounded by the results that wait."""
    begun: list[int] = []

    def square(item: int) -> int:
        begun.append(item)
        return item * item

    results = ahead(square, range(100), threads=3, waiting=4)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert max(begun) <= 2 + 4
    assert list(results) == [i * i for i in range(3, 100)]


def test_an_error_comes_at_its_place_and_what_waits_is_dropped() -> None:
    """The results before it are not lost, and the threads end."""

    def inverse(item: int) -> float:
        return 1 / item

    results = ahead(inverse, [2, 0, 1], threads=1, waiting=3)
    assert next(results) == 0.5
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith("ThreadPool") and thread.is_alive()
    ]
