"""The deep check of a version: all that opening it checks, and whether its files agree with each other."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.hnsw import Hnsw
from storage.pins.layout import EMBEDDINGS, INDEX
from storage.pins.port import NO_ROW

_BLOCK_ROWS = 8_192
_MAX_NORM_ERROR = 5e-3


def verify_version(root: Path, version: str | None = None) -> PinArtefact:
    """Open a version with its checksums and golden queries, then check that ids, rows and vectors agree.

    Raises:
        ArtefactError: Says exactly what is wrong.
    """
    folder = pin_versions(root).folder(version)
    pins = PinArtefact.open(root, folder.name, checksums=True)
    _check_ids(pins, folder)
    _check_representatives(pins, folder)
    _check_norms(pins, folder)
    _check_index(pins, folder)
    return pins


def _check_ids(pins: PinArtefact, folder: Path) -> None:
    """Every id leads back to its row; two rows with one id could not both."""
    for rows in _blocks(pins.n_pins):
        pin_ids = pins.pin_ids(rows)
        wrong = np.flatnonzero(pins.rows(pin_ids) != rows)
        if len(wrong):
            at = int(wrong[0])
            raise _wrong(folder, f"pin {pin_ids[at]!r} is in row {rows[at]:,} but looked up in another")


def _check_representatives(pins: PinArtefact, folder: Path) -> None:
    """Refined pins stand for themselves, the others have a refined one or none."""
    stand_ins = pins.representatives
    inside, outside = stand_ins[: pins.n_indexed], stand_ins[pins.n_indexed :]
    wrong = np.flatnonzero(inside != np.arange(pins.n_indexed))
    if len(wrong):
        raise _wrong(folder, f"the indexed row {wrong[0]:,} does not stand for itself")
    wrong = np.flatnonzero((outside < NO_ROW) | (outside >= pins.n_indexed))
    if len(wrong):
        row = pins.n_indexed + int(wrong[0])
        raise _wrong(folder, f"row {row:,} is represented by row {stand_ins[row]:,}, which is not indexed")


def _check_norms(pins: PinArtefact, folder: Path) -> None:
    for rows in _blocks(pins.n_pins):
        norms = np.linalg.norm(pins.embeddings[rows].astype(np.float32), axis=1)
        # Written so that NaN is wrong.
        wrong = np.flatnonzero(~(np.abs(norms - 1) <= _MAX_NORM_ERROR))
        if len(wrong):
            raise _wrong(
                folder, f"the vector of row {rows[wrong[0]]:,} has norm {norms[wrong[0]]:.3f}, not 1"
            )


def _check_index(pins: PinArtefact, folder: Path) -> None:
    """The index holds the vectors of the refined pool, in the order of their rows."""
    index = Hnsw.open(folder / INDEX)
    for rows in _blocks(pins.n_indexed):
        same = (index.stored(int(rows[0]), len(rows)) == pins.embeddings[rows]).all(axis=1)
        if not same.all():
            row = rows[np.argmin(same)]
            raise _wrong(folder, f"{INDEX} holds another vector for row {row:,} than {EMBEDDINGS}")


def _wrong(folder: Path, what: str) -> DamagedArtefactError:
    return DamagedArtefactError(f"{folder}: {what}. Roll back to another version, or build again.")


def _blocks(n: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, n, _BLOCK_ROWS):
        yield np.arange(start, min(start + _BLOCK_ROWS, n))
