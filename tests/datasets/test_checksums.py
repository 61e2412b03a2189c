"""Checksums as users write them."""

import pytest

from dst_robustness.datasets.checksums import parse_checksum


@pytest.mark.parametrize(
    ("given", "expected"),
    [("md5:" + "a" * 32, ("md5", "a" * 32)), ("B" * 64, ("sha256", "b" * 64)), ("c" * 32, ("md5", "c" * 32))],
)
def test_a_checksum_is_told_by_name_or_length(given, expected):
    assert parse_checksum(given) == expected


@pytest.mark.parametrize("given", ["", "md5:", "md5:xyz", "sha1:" + "a" * 40, "sha256:" + "a" * 32, "g" * 32])
def test_a_checksum_that_is_none_is_refused(given):
    with pytest.raises(ValueError, match="is not 'md5:' and 32 or 'sha256:' and 64"):
        parse_checksum(given)
