"""Only plain data come out of a pickle, and nothing in it runs."""

import io
import os
import pickle
import pickletools
import resource

import numpy as np
import pytest

from dst_robustness.datasets.pickles import load_pickle


def load(content: bytes):
    return load_pickle(io.BytesIO(content), "batch")


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_arrays_strings_lists_and_dicts_come_out_as_they_went_in(protocol):
    data = np.arange(6, dtype=np.uint8).reshape(2, 3)
    loaded = load(pickle.dumps({"data": data, "labels": [1, 2], "name": "batch", "n": (1, 2.5, None)}, protocol))
    assert loaded["labels"] == [1, 2]
    assert loaded["name"] == "batch"
    assert loaded["n"] == (1, 2.5, None)
    np.testing.assert_array_equal(loaded["data"], data)
    assert loaded["data"].dtype == np.uint8


@pytest.mark.parametrize("dtype", ["<i8", ">i4", "<f4", "?"])
def test_byte_order_and_fortran_order_are_kept(dtype):
    data = np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype))
    np.testing.assert_array_equal(load(pickle.dumps(data, 2)), data)


def test_arrays_of_old_and_new_numpy_are_read():
    new = pickle.dumps(np.arange(3), 2)
    names = [argument for opcode, argument, _ in pickletools.genops(new) if opcode.name == "GLOBAL"]
    assert any("multiarray" in name for name in names)
    for module in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        content = new.replace(b"numpy._core.multiarray", module)
        np.testing.assert_array_equal(load(content), [0, 1, 2])


def test_strings_of_python_2_come_out_as_bytes():
    assert load(b"\x80\x02}U\x06labels](K\x01K\x02es.") == {b"labels": [1, 2]}


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: os.PathLike) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_malicious_pickle_is_refused_and_runs_nothing(tmp_path):
    marker = tmp_path / "ran"
    content = pickle.dumps({"data": Malicious(marker)})
    pickle.loads(content)
    assert marker.exists(), "the pickle must be dangerous for the test to mean anything"
    marker.unlink()
    with pytest.raises(ValueError, match=r"batch is not a pickle of plain data: asks for (posix|nt)\.system"):
        load(content)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cbuiltins\neval\n(S'1+1'\ntR.",
        b"cnumpy\nload\n.",
        b"cnumpy.core.multiarray\nscalar\n.",
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
        pickle.dumps({1, 2}),
        pickle.dumps(np.array([{}, None]), 2),
        pickle.dumps(np.datetime64("2020-01-01"), 2),
        pickle.dumps(np.arange(10))[:-8],
        b"",
        b"not a pickle",
    ],
    ids=["eval", "numpy.load", "scalar", "codec", "set", "objects", "date", "cut off", "empty", "text"],
)
def test_all_else_is_refused(content):
    with pytest.raises(ValueError, match="batch is not a pickle of plain data"):
        load(content)


def test_one_array_under_two_names_is_read():
    data = np.arange(1000)
    loaded = load(pickle.dumps({"a": data, "b": data}, 2))
    np.testing.assert_array_equal(loaded["a"], loaded["b"])


def doubled(value, times):
    for _ in range(times):
        value = [value, value]
    return value


def refers(content: bytes, times: int) -> bytes:
    """A list that holds one string many times over."""
    return b"\x80\x02]q\x00(U\xff" + content.ljust(255) + b"q\x01" + b"h\x01" * times + b"e."


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04Nr\xff\xff\xff\x070N.",
        b"\x80\x04Nr\xff\xff\xff\x7f0N.",
        b"\x80\x05\x96\xff\xff\xff\xff\x07\x00\x00\x00x.",
        b"\x80\x04\x8e\xff\xff\xff\xff\x07\x00\x00\x00x.",
        b"\x80\x04\x95\xff\xff\xff\xff\x07\x00\x00\x00N.",
        b"T\xff\xff\xff\x7fx.",
        pickle.dumps({b"data": doubled([1], 40)}, 4),
        pickle.dumps(doubled((1,), 40), 2),
        pickle.dumps({"a": doubled(["x" * 200], 10)}, 4),
        b"]q\x00h\x00a.",
        b"]" * 100_000 + b"a" * 99_999 + b".",
        refers(b"x", 20_000),
        pickle.dumps([np.zeros(10_000, np.uint8)] * 1, 2).replace(b"e.", b"") + b"h\x02" * 50 + b"e.",
        b"\x8a\xff" + b"\xff" * 100,
        b"I" + b"9" * 100_000 + b"\n.",
    ],
    ids=[
        "memo", "large memo", "bytearray", "bytes", "frame", "string", "lists", "tuples", "strings in lists", "itself",
        "deep", "references", "arrays", "short integer", "long integer",
    ],
)  # fmt: skip
def test_a_few_bytes_do_not_fill_the_memory(content):
    """Each would take gigabytes, for ever, or the stack."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="batch is not a pickle of plain data"):
        load(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
