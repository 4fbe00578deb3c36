"""The 64-bit hash of a pin id: what `ids.npy` is sorted by and what a user's `seen` set keeps."""

from collections.abc import Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from storage.compiled import compiled

_hashes = compiled("storage._hashes")


def hash_id(pin_id: str) -> int:
    """xxh3-64 of the id's UTF-8."""
    return xxhash.xxh3_64_intdigest(pin_id.encode())


def hash_ids(pin_ids: Sequence[str]) -> NDArray[np.uint64]:
    """uint64 [n]: `hash_id` of each, in order."""
    if _hashes is not None:
        hashes: NDArray[np.uint64] = _hashes.hash_ids(pin_ids)
        return hashes
    digest = xxhash.xxh3_64_intdigest
    # Half of what np.array takes, which looks at every number first.
    return np.fromiter([digest(pin_id.encode()) for pin_id in pin_ids], np.uint64, len(pin_ids))
