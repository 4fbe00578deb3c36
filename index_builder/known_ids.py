"""The ids read so far, found by 64-bit hashes: sixteen bytes an id, and no two ids are ever confused."""

from bisect import bisect_right
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.hashes import hash_ids
from storage.pins.ids import HashIds

Run = tuple[NDArray[np.uint64], NDArray[np.int64]]
"""Sorted hashes, and the place of each one's id."""


class KnownIds:
    """Tells new ids from those met before; where hashes are equal, the ids themselves decide.

    Args:
        hash_ids: Ids to 64-bit hashes.
    """

    def __init__(self, *, hash_ids: HashIds = hash_ids) -> None:
        self._hash_ids = hash_ids
        # Each more than twice as long as the next: an id is sorted again but a few times.
        self._runs: list[Run] = []
        self._batches: list[pa.LargeStringArray] = []
        self._ends: list[int] = [0]

    def __len__(self) -> int:
        return self._ends[-1]

    def add(self, pin_ids: pa.LargeStringArray) -> NDArray[np.bool_]:
        """Which of the ids are new, bool [n], of equal ones the first; from now on they are known."""
        texts = cast(list[str], pin_ids.to_pylist())
        hashes = self._hash_ids(texts)
        is_new = np.ones(len(texts), np.bool_)
        same: dict[int, set[str]] = {}
        for at in np.flatnonzero(self._is_met(hashes) | _is_repeated(hashes)).tolist():
            key = int(hashes[at])
            known = same[key] if key in same else same.setdefault(key, self._ids_of(hashes[at]))
            is_new[at] = texts[at] not in known
            known.add(texts[at])
        self._remember(pin_ids.filter(pa.array(is_new)), hashes[is_new])
        return is_new

    def _is_met(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        met = np.zeros(len(hashes), np.bool_)
        for known, _ in self._runs:
            places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            met |= known[places] == hashes
        return met

    def _ids_of(self, key: np.uint64) -> set[str]:
        """All known ids of one hash."""
        ids = set()
        for known, places in self._runs:
            first, last = np.searchsorted(known, key, "left"), np.searchsorted(known, key, "right")
            for place in places[first:last].tolist():
                ids.add(self._id_at(place))
        return ids

    def _id_at(self, place: int) -> str:
        batch = bisect_right(self._ends, place) - 1
        pin_id: str = self._batches[batch][place - self._ends[batch]].as_py()
        return pin_id

    def _remember(self, pin_ids: pa.LargeStringArray, hashes: NDArray[np.uint64]) -> None:
        if not len(pin_ids):
            return
        run = hashes, np.arange(len(self), len(self) + len(hashes))
        self._batches.append(pin_ids)
        self._ends.append(len(self) + len(pin_ids))
        while self._runs and len(self._runs[-1][0]) <= 2 * len(run[0]):
            before = self._runs.pop()
            run = np.concatenate([before[0], run[0]]), np.concatenate([before[1], run[1]])
        order = np.argsort(run[0], kind="stable")
        self._runs.append((run[0][order], run[1][order]))


def _is_repeated(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which are there more than once among themselves, bool [n]."""
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    repeated: NDArray[np.bool_] = counts[inverse] > 1
    return repeated
