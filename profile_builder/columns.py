"""Columns of texts and times: Arrow's memory and kernels behind the few questions that are asked of them."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
"""Stands for a missing time."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of n texts; any may be missing."""

    _array: pa.LargeStringArray

    @staticmethod
    def of(column: "pa.Array[Any]") -> "Texts":
        """From a column of string or large_string, dictionary-encoded or not."""
        plain = column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
        return Texts(cast(pa.LargeStringArray, plain.cast(pa.large_string())))

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, place: int) -> str | None:
        return self._array[place].as_py()

    def n_bytes(self) -> NDArray[np.int64]:
        """int64 [n], each text's length in UTF-8; 0 for a missing one."""
        lengths: NDArray[np.int64] = pc.binary_length(self._array).fill_null(0).to_numpy()
        return lengths

    def is_among(self, texts: list[str]) -> NDArray[np.bool_]:
        """Where it is one of these, which a missing one never is: bool [n]."""
        return _mask(pc.is_in(self._array, value_set=pa.array(texts, pa.large_string())))

    def where(self, mask: NDArray[np.bool_]) -> "Texts":
        """The texts where this is true."""
        return Texts(self._array.filter(pa.array(mask)))

    def distinct(self) -> tuple[list[str], NDArray[np.int64]]:
        """The distinct texts, and int64 [n]: which of them each is. None may be missing."""
        encoded = self._array.dictionary_encode()
        return cast(list[str], encoded.dictionary.to_pylist()), encoded.indices.to_numpy().astype(np.int64)


def times_of(column: "pa.Array[Any]") -> NDArray[np.int64]:
    """int64 [n], NO_TIME where one is missing. From a column of int64."""
    times: NDArray[np.int64] = column.fill_null(NO_TIME).to_numpy()
    return times


def _mask(column: "pa.Array[Any]") -> NDArray[np.bool_]:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)
