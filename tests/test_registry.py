"""Names that are listed for free and objects that are imported when asked for."""

import sys

import pytest

from dst_robustness.registry import Registry, unknown_name


def test_listing_imports_nothing() -> None:
    """Snakemake lists names at every start and must not pay for torch then."""
    registry = Registry("thing", {"odd": "a_module_that_does_not_exist:thing"})
    assert list(registry) == ["odd"]
    assert "odd" in registry
    assert "even" not in registry


def test_lookup_imports_the_one_asked_for() -> None:
    """An entry is the attribute of its module."""
    assert Registry("thing", {"modules": "sys:modules"})["modules"] is sys.modules


def test_unknown_name_is_answered_with_the_nearest_and_all_allowed() -> None:
    """A typing error is answered, not punished."""
    with pytest.raises(ValueError, match=r"unknown thing 'rgil'\. Did you mean 'rigl'\? Allowed: set, rigl"):
        Registry("thing", {"set": "m:s", "rigl": "m:r"})["rgil"]
    assert str(unknown_name("method", "zzz", ["set"])) == "unknown method 'zzz'. Allowed: set"
