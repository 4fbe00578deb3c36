"""Texts by row, read from where Arrow keeps them: without an object of Arrow's for each."""

from typing import Any, TypeAlias, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.compiled import compiled

_texts = compiled("storage.pins._texts")

EncodedIds: TypeAlias = "NDArray[np.void] | list[bytes]"
"""Ids as UTF-8: side by side in one array where all are of one length, and not empty."""


Buffers: TypeAlias = tuple[memoryview | None, memoryview | None, memoryview | None]


def require_rows(rows: NDArray[np.integer], n: int) -> None:
    """Raise a ValueError unless all are rows of n: numpy takes those below 0, as NO_ROW, from the end."""
    # Without their sign they are the largest, and one look at each is enough.
    asked = np.ascontiguousarray(rows, np.int64).view(np.uint64)
    if len(asked) and asked.max() >= n:
        raise ValueError(f"row {asked.view(np.int64)[asked >= n][0]} is none of {n} texts")


class Texts:
    """A column of texts; it keeps the memory that it was read into.

    Args:
        column: Large strings without nulls.
    """

    def __init__(self, column: "pa.Array[Any]") -> None:
        # Buffers show their memory to numpy, which pyarrow's types do not say.
        _, offsets, data = cast(Buffers, column.buffers())
        of_column = slice(column.offset, column.offset + len(column) + 1)
        self._offsets = np.frombuffer(offsets, np.int64)[of_column] if offsets else np.zeros(1, np.int64)
        self._data = np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8)
        self._of_one_length = self._block()

    def __getitem__(self, rows: NDArray[np.integer]) -> list[str]:
        """The texts of rows, in order.

        Raises:
            ValueError: A row is none of these.
        """
        encoded = self.encoded(rows)
        return [each.decode() for each in (encoded if isinstance(encoded, list) else encoded.tolist())]

    def encoded(self, rows: NDArray[np.integer]) -> EncodedIds:
        """The same as UTF-8."""
        if self._of_one_length is None and _texts is not None:
            asked = np.ascontiguousarray(rows, np.int64)
            found: EncodedIds = _texts.encoded(self._offsets, self._data, asked)
            return found
        require_rows(rows, len(self._offsets) - 1)
        if self._of_one_length is not None:
            return self._of_one_length.take(rows)
        starts, lengths = self._places(rows)
        length = int(lengths[0]) if len(rows) else 0
        if length and (lengths == length).all():
            return self._side_by_side(starts, length)
        data = self._data.data
        ends = starts + lengths
        return [bytes(data[start:end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def _block(self) -> NDArray[np.void] | None:
        """V{length} [n]: all of them, where all are of one length."""
        n, first, last = len(self._offsets) - 1, int(self._offsets[0]), int(self._offsets[-1])
        length = (last - first) // max(n, 1)
        if not length or not np.array_equal(self._offsets, np.arange(first, last + 1, length)):
            return None
        return self._data[first:last].view(f"V{length}")

    def _places(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the texts of rows begin, and how long they are."""
        starts: NDArray[np.int64] = self._offsets[:-1].take(rows)
        lengths: NDArray[np.int64] = self._offsets[1:].take(rows) - starts
        return starts, lengths

    def _side_by_side(self, starts: NDArray[np.int64], length: int) -> NDArray[np.void]:
        """V{length} [n]: the bytes from each start on."""
        # Every window of so many bytes, of which only those asked for are read.
        windows = np.lib.stride_tricks.as_strided(
            self._data, (len(self._data) - length + 1, length), (1, 1), writeable=False
        )
        return windows[starts].view(f"V{length}").ravel()
