"""Read the pickles of published data sets without trusting them.

A pickle is a program. This reader runs only the part of the language that builds numbers, strings, lists, dicts and
numeric arrays. Stand-ins replace the three numpy names that an array needs, so the file cannot choose any code to call.
The result cannot be much larger than the file: otherwise a few bytes could ask for a table of gigabytes, or for a list
that holds the same list twice, which holds another one twice, and so on.
"""

from __future__ import annotations

import os
import pickle
import re
from typing import Any, BinaryIO

import numpy as np

from dst_robustness.jobs import shown
from dst_robustness.jobs.memory import bounded_memory

MEMORY = 200 << 20  # bytes of memory that a pickle may use beyond four times its length
SPARE = 10_000  # values, and bytes in them, that a pickle may have beyond four per byte of the file


class _Dtype:
    """Replaces numpy.dtype. It keeps the type code and the byte order, and ignores the rest."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = _text(code)

    def __setstate__(self, state: tuple) -> None:
        order = _text(state[1])
        self.code = (order if order in "<>" else "") + self.code

    def numeric(self) -> np.dtype:
        if not re.fullmatch(r"[<>]?([biuf]\d{1,2}|[?bBhHiIlLqQefd])", self.code):
            raise pickle.UnpicklingError(f"holds an array of type {self.code[:20]!r}, allowed are numbers")
        return np.dtype(self.code)


class _Array:
    """Replaces numpy.ndarray while the pickle is read."""

    def __setstate__(self, state: tuple) -> None:
        _, self.shape, self.dtype, self.is_fortran, self.data = state

    def array(self) -> np.ndarray:
        data = self.data.encode("latin1") if isinstance(self.data, str) else self.data
        flat = np.frombuffer(data, dtype=self.dtype.numeric())
        return flat.reshape(self.shape, order="F" if self.is_fortran else "C")


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _latin1(text: str, encoding: str) -> bytes:
    """Replace _codecs.encode, which protocol 2 uses to write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"asks for the encoding {encoding}")
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("_codecs", "encode"): _latin1,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which data never needs") from None

    def persistent_load(self, pid: object) -> Any:
        raise pickle.UnpicklingError("refers to objects outside the file")


def load_pickle(file: BinaryIO, name: str) -> Any:
    """Read a pickle of numbers, strings, lists, dicts and numeric arrays, also one written by Python 2.

    Args:
        file: the pickle; strings written by Python 2 come out as bytes.
        name: what to call it in an error.

    Raises:
        ValueError: for a pickle that is damaged, asks for anything else, or for more memory than its length warrants.
    """
    start = file.tell()
    length = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    try:
        with bounded_memory(MEMORY + 4 * length):
            return _Finish(4 * length + SPARE)(_PlainUnpickler(file, encoding="bytes").load())
    except Exception as error:  # a hostile or damaged pickle may fail in any way
        reason = "asks for more memory than its length warrants" if isinstance(error, MemoryError) else str(error)
        raise ValueError(f"{name} is not a pickle of plain data: {shown.name(reason)}") from error


class _Finish:
    """Replaces the stand-ins for arrays by arrays, at any depth. It fails if there is more than a budget."""

    def __init__(self, budget: int) -> None:
        self.budget = budget

    def __call__(self, value: Any) -> Any:
        self._spend(1)
        if isinstance(value, _Array):
            if value.shape == () and isinstance(value.data, list) and len(value.data) == 1:
                return self(value.data[0])  # how numpy.save wraps a single object
            array = value.array()
            self._spend(array.nbytes)
            return array
        if isinstance(value, dict):
            return {self._leaf(key): self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)([self(item) for item in value])
        return self._leaf(value)

    def _leaf(self, value: Any) -> Any:
        if value is not None and not isinstance(value, (bool, int, float, str, bytes)):
            raise pickle.UnpicklingError(f"holds a {type(value).__name__}")
        self._spend(len(value) if isinstance(value, (str, bytes)) else 1)
        return value

    def _spend(self, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            raise pickle.UnpicklingError("holds more than its length warrants")
