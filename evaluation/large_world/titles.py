"""The titles that make the pool: real ones, each under the label of the forum it was posted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from storage.errors import DataError
from storage.parquet_files import Column, find_files, is_text, readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """n titles, in the order of the file.

    Attributes:
        ids: Of each.
        texts: What they say.
        labels: int64 [n], the number of each one's topic label, 0 to `n_labels - 1`.
        n_labels: How many labels there are.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    labels: NDArray[np.int64]
    n_labels: int

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> "Titles":
        """These titles only; the labels keep their numbers."""
        return Titles(
            ids=[self.ids[row] for row in rows],
            texts=[self.texts[row] for row in rows],
            labels=self.labels[rows],
            n_labels=self.n_labels,
        )


def read_titles(path: Path) -> Titles:
    """Read a parquet file with the columns `item_id`, `title` and `subreddit`.

    Raises:
        DataError: There is no such file, or it is none of that kind.
    """
    (file,) = find_files(_existing(path), _COLUMNS, what="title")
    with readable(path):
        table = pq.read_table(file.path, columns=[column.name for column in _COLUMNS])
    names = sorted(set(_texts(table, "subreddit")))
    labels = pc.index_in(table["subreddit"], value_set=pa.array(names, pa.large_string()))
    return Titles(
        ids=_texts(table, "item_id"),
        texts=_texts(table, "title"),
        labels=labels.to_numpy().astype(np.int64),
        n_labels=len(names),
    )


def _texts(table: pa.Table, name: str) -> list[str]:
    return [text or "" for text in table[name].to_pylist()]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError(
            f"{path} does not exist: the large world is made of one parquet file of titles, with the columns "
            "item_id, title and subreddit. Name it by --titles."
        )
    return path


_COLUMNS = (
    Column("item_id", is_text, "string", required=True),
    Column("title", is_text, "string", required=True),
    Column("subreddit", is_text, "string", required=True),
)
