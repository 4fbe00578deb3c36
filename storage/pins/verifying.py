"""The deep check of a version: all that opening it checks, and whether its files agree with each other."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.hnsw import Hnsw
from storage.pins.layout import EMBEDDINGS, INDEX
from storage.pins.manifest import FORMAT
from storage.pins.port import NO_ROW
from storage.publishing import read_manifest, verify_files

_BLOCK_ROWS = 8_192
_MAX_NORM_ERROR = 5e-3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    Attributes:
        what: What of the version.
        found: What was looked at, and found to be so.
        seconds: How long it took.
    """

    what: str
    found: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A good version.

    Attributes:
        version: Its name.
        n_pins: All valid pins.
        n_indexed: Those in the index.
        checks: What was checked, in order.
    """

    version: str
    n_pins: int
    n_indexed: int
    checks: tuple[Check, ...]

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return sum(check.seconds for check in self.checks)


def verify_version(
    root: Path, version: str | None = None, *, clock: Callable[[], float] = time.perf_counter
) -> Verified:
    """Check every file of a version, and that ids, rows, vectors and index agree with each other.

    Raises:
        ArtefactError: Says exactly what is wrong.
    """
    folder = pin_versions(root).folder(version)
    checks = _Checks(clock)
    checks.add("files", lambda: _check_files(folder))
    # The checksums have just been compared.
    with closing(PinArtefact.open(root, folder.name, checksums=False)) as pins:
        n = len(pins.manifest.golden.queries)
        checks.add("golden queries", lambda: f"{n:,} answered as when it was built")
        checks.add("ids", lambda: _check_ids(pins, folder))
        checks.add("representatives", lambda: _check_representatives(pins, folder))
        checks.add("vectors", lambda: _check_norms(pins, folder))
        checks.add("index", lambda: _check_index(pins, folder))
        return Verified(
            version=pins.version, n_pins=pins.n_pins, n_indexed=pins.n_indexed, checks=tuple(checks.done)
        )


class _Checks:
    """Checks one after the other; each takes from the end of the one before to its own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._began_s = clock, clock()
        self.done: list[Check] = []

    def add(self, what: str, check: Callable[[], str]) -> None:
        found = check()
        now_s = self._clock()
        self.done.append(Check(what, found, now_s - self._began_s))
        self._began_s = now_s


def _check_files(folder: Path) -> str:
    manifest = read_manifest(folder, newest_format=FORMAT)
    verify_files(folder, manifest, checksums=True)
    sizes = [path.stat().st_size for path in folder.iterdir()]
    return f"{len(sizes):,} of {sum(sizes) / 1e6:,.1f} MB are of the sizes and SHA-256 that were published"


def _check_ids(pins: PinArtefact, folder: Path) -> str:
    """Every id leads back to its row; two rows with one id could not both."""
    for rows in _blocks(pins.n_pins):
        pin_ids = pins.pin_ids(rows)
        wrong = np.flatnonzero(pins.rows(pin_ids) != rows)
        if len(wrong):
            at = int(wrong[0])
            raise _wrong(folder, f"pin {pin_ids[at]!r} is in row {rows[at]:,} but looked up in another")
    return f"{pins.n_pins:,} lead back to their rows"


def _check_representatives(pins: PinArtefact, folder: Path) -> str:
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
    alone = int(np.count_nonzero(outside == NO_ROW))
    return f"{pins.n_pins - alone:,} pins have one that is indexed, {alone:,} none"


def _check_norms(pins: PinArtefact, folder: Path) -> str:
    for rows in _blocks(pins.n_pins):
        norms = np.linalg.norm(pins.embeddings[rows].astype(np.float32), axis=1)
        # Written so that NaN is wrong.
        wrong = np.flatnonzero(~(np.abs(norms - 1) <= _MAX_NORM_ERROR))
        if len(wrong):
            raise _wrong(
                folder, f"the vector of row {rows[wrong[0]]:,} has norm {norms[wrong[0]]:.3f}, not 1"
            )
    return f"{pins.n_pins:,} are of length 1"


def _check_index(pins: PinArtefact, folder: Path) -> str:
    """The index holds the vectors of the refined pool, in the order of their rows."""
    index = Hnsw.open(folder / INDEX)
    for rows in _blocks(pins.n_indexed):
        same = index.holds(int(rows[0]), pins.embeddings[rows])
        if not same.all():
            row = rows[np.argmin(same)]
            raise _wrong(folder, f"{INDEX} holds another vector for row {row:,} than {EMBEDDINGS}")
    return f"{pins.n_indexed:,} rows hold the vectors of {EMBEDDINGS}"


def _wrong(folder: Path, what: str) -> DamagedArtefactError:
    return DamagedArtefactError(f"{folder}: {what}. Roll back to another version, or build again.")


def _blocks(n: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, n, _BLOCK_ROWS):
        yield np.arange(start, min(start + _BLOCK_ROWS, n))
