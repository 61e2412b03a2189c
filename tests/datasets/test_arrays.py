"""NumPy files that claim what they do not hold are refused by name, before memory is taken for it."""

import numpy as np
import pytest

from dst_robustness.datasets.arrays import map_array


def claiming(shape: str) -> bytes:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize("content", [claiming("(900000000000, 32, 32, 3)"), claiming("(4, 4)"), b"<html>", b""])
def test_an_array_that_is_not_there_is_refused(tmp_path, content):
    (tmp_path / "fog.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .*fog\.npy: missing or not a NumPy array"):
        map_array(tmp_path / "fog.npy")


def test_a_single_value_is_no_array(tmp_path):
    np.save(tmp_path / "fog.npy", np.uint8(3))
    with pytest.raises(ValueError, match=r"fog\.npy holds a single value"):
        map_array(tmp_path / "fog.npy")


def test_objects_are_not_read_and_arrays_are(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([1, None], object))
    with pytest.raises(ValueError, match=r"objects\.npy"):
        map_array(tmp_path / "objects.npy")
    np.save(tmp_path / "fog.npy", np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(map_array(tmp_path / "fog.npy"), [[0, 1, 2], [3, 4, 5]])
