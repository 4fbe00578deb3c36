"""Cosines between pins of the pool, looked up in a small pool and computed in a large one."""

import os
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.list_cache import digest

DENSE_PINS = 16_384
"""Up to here all cosines are held: 1 GB. The experiments then look them up a thousand million times."""


_BLOCK_ROWS = 1_024


class Cosines(Protocol):
    """Cosines of pins, by their rows."""

    def between(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float32]:
        """float32 [len(a), len(b)]."""
        ...


class DenseCosines:
    """All pairs, computed once and mapped from a file that processes share.

    Args:
        vectors: float16 [n, d], unit norm.
        file: Read where it exists, else written; its name must tell one pool from another.
    """

    def __init__(self, vectors: NDArray[np.float16], file: Path) -> None:
        if not file.exists():
            _write(vectors, file)
        self._all: NDArray[np.float32] = np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))

    def between(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float32]:
        """float32 [len(a), len(b)]."""
        found: NDArray[np.float32] = self._all[a[:, np.newaxis], b]
        return found


class GatheredCosines:
    """Pairs as they are asked for; the vectors may be memory-mapped."""

    def __init__(self, vectors: NDArray[np.float16]) -> None:
        self._vectors = vectors

    def between(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float32]:
        """float32 [len(a), len(b)]."""
        found: NDArray[np.float32] = (
            self._vectors[a].astype(np.float32) @ self._vectors[b].astype(np.float32).T
        )
        return found


def cosines_of(vectors: NDArray[np.float16], folder: Path) -> Cosines:
    """The kind that suits the size of the pool; what is computed beforehand is kept in `folder`."""
    if len(vectors) > DENSE_PINS:
        return GatheredCosines(vectors)
    return DenseCosines(vectors, folder / f"cosines-{digest(vectors)}.npy")


def _write(vectors: NDArray[np.float16], file: Path) -> None:
    """Write all pairs, whole or not at all; a block at a time, so that memory holds no copy."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.unfinished-{os.getpid()}")
    X = vectors.astype(np.float32)
    shape = (len(X), len(X))
    held = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(X), _BLOCK_ROWS):
        held[start : start + _BLOCK_ROWS] = X[start : start + _BLOCK_ROWS] @ X.T
    held.flush()
    unfinished.replace(file)
