"""Reading the pickles of published data sets without trusting them.

A pickle is a program. This reader runs only the part of the language that builds numbers, strings, lists, dicts and
numeric arrays; the three numpy names that an array needs are answered by stand-ins, so no code of the file's choosing
is ever called.
"""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

import numpy as np


class _Dtype:
    """Stands for numpy.dtype: keeps the type code, ignores everything but the byte order."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = _text(code)

    def __setstate__(self, state: tuple) -> None:
        order = _text(state[1])
        self.code = (order if order in "<>" else "") + self.code

    def numeric(self) -> np.dtype:
        dtype = np.dtype(self.code)
        if dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"holds an array of type {dtype}, allowed are numbers")
        return dtype


class _Array:
    """Stands for numpy.ndarray while the pickle is read."""

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
    """Stand for _codecs.encode, which protocol 2 uses to write bytes."""
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
        ValueError: for a pickle that is damaged or asks for anything else.
    """
    try:
        return _finished(_PlainUnpickler(file, encoding="bytes").load())
    except Exception as error:  # a hostile or damaged pickle may fail in any way
        raise ValueError(f"{name} is not a pickle of plain data: {error}") from error


def _finished(value: Any) -> Any:
    """Replace the stand-ins for arrays, however deep, by arrays."""
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, dict):
        return {key: _finished(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_finished(item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise pickle.UnpicklingError(f"holds a {type(value).__name__}")
