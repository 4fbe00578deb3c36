"""Who asked to be forgotten, as a task sees it: one file on each machine, mapped into memory once a process.

Wishes are kept for ever, so they grow with the years and not with a batch. What travels with each task is the
file's name; the file itself goes to a machine once, and its pages are shared by all tasks there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import SparkContext, SparkFiles

from storage.hashes import hash_ids

HashIds = Callable[[Sequence[str]], NDArray[np.uint64]]

_COLUMNS: dict[str, pa.DataType] = {"hash": pa.uint64(), "user_id": pa.string(), "until_s": pa.int64()}
_SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True, slots=True)
class ForgottenUsers(Mapping[str, int]):
    """By user until when they are forgotten, Unix seconds UTC; made by `sent`.

    Attributes:
        name: The file's, by which Spark finds it on any machine.
        n: So many they are.
    """

    name: str
    n: int

    def __getitem__(self, user_id: str) -> int:
        return self._mapped().until_s(user_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapped())

    def __len__(self) -> int:
        return self.n

    def _mapped(self) -> "MappedUsers":
        return _mapped(SparkFiles.get(self.name))


def sent(until_s: Mapping[str, int], context: SparkContext, folder: Path) -> ForgottenUsers:
    """The same for tasks: written into a folder of the driver's, and to go to every machine that runs one.

    Args:
        until_s: By user.
        context: Spark's.
        folder: It must stay as long as tasks run; its name is not another batch's of this session.
    """
    path = folder / f"{folder.name}.arrow"
    write_sorted(until_s, path)
    context.addFile(str(path))
    return ForgottenUsers(path.name, len(until_s))


def write_sorted(until_s: Mapping[str, int], path: Path, *, hash_ids: HashIds = hash_ids) -> None:
    """Write them by the hashes of their ids, where a search by halves finds them."""
    hashes = hash_ids(list(until_s))
    rows = pa.table([hashes, list(until_s), list(until_s.values())], schema=_SCHEMA).take(np.argsort(hashes))
    with pa.ipc.new_file(str(path), _SCHEMA) as file:
        file.write_batch(rows.combine_chunks().to_batches()[0])


class MappedUsers:
    """What `write_sorted` wrote.

    Args:
        path: Of at least one user.
        hash_ids: What it was written with.
    """

    def __init__(self, path: Path, *, hash_ids: HashIds = hash_ids) -> None:
        rows = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        self._hash_ids, self._hashes = hash_ids, rows["hash"].to_numpy()
        self._user_ids, self._until_s = rows["user_id"], rows["until_s"]

    def __iter__(self) -> Iterator[str]:
        return (str(user_id) for user_id in self._user_ids)

    def until_s(self, user_id: str) -> int:
        """Until when the user is forgotten.

        Raises:
            KeyError: They are not.
        """
        (sought,) = self._hash_ids([user_id])
        at = int(self._hashes.searchsorted(sought))
        # Of two ids with one hash both are there, side by side.
        while at < len(self._hashes) and self._hashes[at] == sought:
            if self._user_ids[at].as_py() == user_id:
                return int(self._until_s[at].as_py())
            at += 1
        raise KeyError(user_id)


@lru_cache(maxsize=1)
def _mapped(path: str) -> MappedUsers:
    return MappedUsers(Path(path))
