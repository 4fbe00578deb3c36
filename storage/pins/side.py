"""Pins added between builds: small immutable versions under DIR/side, each beside one version of the pins.

    DIR/side/CURRENT, DIR/side/<version>/     as storage.publishing has them
        manifest.json         the version of DIR that it stands beside, and how many rows that has
        pins.arrow            pin_id, title and quality of each row; candidates first
        embeddings.npy        float16 [n, d], unit norm
        representative.npy    int32 [n]: who stands for each row, NO_ROW for nobody
        columns.arrow         what each row can be filtered by; only where something is known
        hnsw.faiss            over the first candidates; the later ones are compared one by one

Rows go on from those beside: row r here is row n_main + r there, and representatives are such rows.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError
from storage.manifests import Manifest
from storage.pins.columns import Column, Columns, write_columns
from storage.pins.hnsw import Hnsw
from storage.pins.layout import COLUMNS, EMBEDDINGS, INDEX, PINS, REPRESENTATIVE
from storage.pins.mapping import mapped_array, mapped_batch
from storage.pins.port import NO_ROW
from storage.pins.records import record_of, require_integers
from storage.pins.scoring import widened
from storage.pins.side_search import PartlyIndexed, Search, SideSearch
from storage.publishing import VersionedFolder, read_manifest, verify_files

SIDE = "side"
FORMAT = 1
KIND = "pins added between builds"
EXACT_UP_TO = 20_000
"""Candidates that are compared one by one; of more, the others are indexed (benchmarks.freshness)."""

_TYPES: dict[str, pa.DataType] = {
    "pin_id": pa.large_string(),
    "title": pa.large_string(),
    "quality": pa.float64(),
}
_SCHEMA = pa.schema(_TYPES)
_MAX_NORM_ERROR = 5e-3


@dataclass(frozen=True, slots=True)
class Beside:
    """The version of the pins that a side stands beside: its name, and its rows."""

    version: str
    n_pins: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SideRows:
    """What a side holds: n pins, those in front candidates.

    Attributes:
        beside: The version whose rows come before these.
        embedding_space: Of every vector; that version's.
        pin_ids: n distinct ids, none of them in that version.
        titles: n titles, empty where there is none.
        quality: float64 [n], NaN where none is known.
        embeddings: float16 [n, d], unit norm.
        representatives: int32 [n]: the row, here or beside, that stands for each, or NO_ROW.
        n_indexed: The first so many are candidates.
        columns: What they can be filtered by: n values each, as storage.pins.columns.encoded takes them;
            maybe others than those of that version.
    """

    beside: Beside
    embedding_space: EmbeddingSpace
    pin_ids: tuple[str, ...]
    titles: tuple[str, ...]
    quality: NDArray[np.float64]
    embeddings: NDArray[np.float16]
    representatives: NDArray[np.int32]
    n_indexed: int
    columns: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pin_ids)

    @property
    def pool(self) -> NDArray[np.float16]:
        """float16 [n_indexed, d]: the candidates' vectors."""
        return self.embeddings[: self.n_indexed]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One published version, in memory. Immutable and safe for any number of threads.

    Attributes:
        version: Its name.
        rows: What it holds.
        searching: Its candidates; labels are its own rows, from 0.
        n_in_index: So many of the candidates, from the first, are in an index.
    """

    version: str
    rows: SideRows
    searching: Search
    n_in_index: int = 0

    @classmethod
    def open(cls, root: Path, version: str | None = None) -> "Side":
        """Open the live side of the pins under `root`, or the one named, and check all that it holds.

        Raises:
            NoVersionError: Nothing was ever added, or there is no such version.
            DamagedArtefactError: The version is not what was published.
            UnknownFormatError: It was written by a newer version of this software.
        """
        lease = side_versions(root).lease(version)
        try:
            return _opened(lease.folder)
        finally:
            lease.close()


def side_versions(root: Path) -> VersionedFolder:
    """The versions of what was added to the pins under `root`."""
    made_by = f"python -m index_builder add --pins FILE --to {root}"
    return VersionedFolder(root / SIDE, made_by=made_by, newest_format=FORMAT)


def has_side(root: Path) -> bool:
    """Whether pins were ever added to those under `root`."""
    return (root / SIDE / "CURRENT").exists()


def write_side(folder: Path, rows: SideRows, index: Hnsw | None) -> Manifest:
    """Write every file of a version into the folder; returns its manifest's content.

    Args:
        folder: Of the version.
        rows: What it holds.
        index: Of the first candidates, if of any.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    table = pa.table([list(rows.pin_ids), list(rows.titles), rows.quality], schema=_SCHEMA)
    with (folder / PINS).open("wb") as file, pa.ipc.new_file(file, _SCHEMA) as writer:
        writer.write_table(table)
    for name, array in ((EMBEDDINGS, rows.embeddings), (REPRESENTATIVE, rows.representatives)):
        # A file of ours, not numpy's: numpy.save hides why a disk refused.
        with (folder / name).open("wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
            file.write(np.ascontiguousarray(array).data)
    if rows.columns:
        write_columns(folder / COLUMNS, rows.columns)
    if index is not None:
        index.save(folder / INDEX)
    return {
        "format": FORMAT,
        "kind": KIND,
        "beside": asdict(rows.beside),
        "embedding_space": asdict(rows.embedding_space),
        "counts": {
            "pins": len(rows),
            "indexed": rows.n_indexed,
            "in_index": 0 if index is None else len(index),
        },
        # The graph of several threads depends on their scheduling.
        "observed": {"files": [] if index is None else [INDEX]},
    }


def _opened(folder: Path) -> Side:
    manifest = read_manifest(folder, newest_format=FORMAT)
    if manifest.get("kind") != KIND:
        raise _wrong(folder, f"it holds {manifest.get('kind', 'something else')!s}, not {KIND}")
    try:
        verify_files(folder, manifest, checksums=True)
    except DamagedArtefactError as error:
        raise DamagedArtefactError(f"{error} {_what_to_do(folder)}") from error
    try:
        rows = _read(folder, manifest)
        index = _index(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _wrong(folder, f"it cannot be read: {error}") from error
    _check(folder, manifest, rows)
    searching = SideSearch(rows.pool) if index is None else _indexed(folder, index, rows)
    return Side(
        version=folder.name, rows=rows, searching=searching, n_in_index=0 if index is None else len(index)
    )


def _read(folder: Path, manifest: Mapping[str, Any]) -> SideRows:
    source, texts = mapped_batch(folder / PINS)
    if texts.schema != _SCHEMA:
        raise ValueError(f"{PINS} holds other columns: {', '.join(texts.schema.names)}")
    counts = manifest["counts"]
    require_integers("counts", [counts["pins"], counts["indexed"]])
    rows = SideRows(
        beside=record_of(Beside, manifest["beside"]),
        embedding_space=record_of(EmbeddingSpace, manifest["embedding_space"]),
        pin_ids=tuple(cast(list[str], texts["pin_id"].to_pylist())),
        titles=tuple(cast(list[str], texts["title"].to_pylist())),
        quality=_in_memory(texts["quality"].to_numpy()),
        embeddings=_in_memory(mapped_array(folder / EMBEDDINGS)),
        representatives=_in_memory(mapped_array(folder / REPRESENTATIVE)),
        n_indexed=counts["indexed"],
        columns=_values(folder / COLUMNS, counts["pins"]) if COLUMNS in manifest["files"] else {},
    )
    source.close()
    return rows


def _values(path: Path, n: int) -> dict[str, Column]:
    return Columns.open(path, n, n).values()


def _in_memory(mapped: "NDArray[Any]") -> "NDArray[Any]":
    array = mapped.copy()
    array.flags.writeable = False
    return array


def _index(folder: Path, manifest: Mapping[str, Any]) -> Hnsw | None:
    return Hnsw.open(folder / INDEX) if INDEX in manifest["files"] else None


def _indexed(folder: Path, index: Hnsw, rows: SideRows) -> Search:
    if len(index) > rows.n_indexed or index.dimension != rows.embedding_space.dimension:
        raise _wrong(folder, f"{INDEX} holds {len(index):,} vectors of {index.dimension} dimensions")
    return PartlyIndexed(index, rows.pool)


def _check(folder: Path, manifest: Mapping[str, Any], rows: SideRows) -> None:
    """What every reader relies on; a checksum proves what was written, not that it made sense."""
    n, n_main, d = manifest["counts"]["pins"], rows.beside.n_pins, rows.embedding_space.dimension
    shapes = len(rows), rows.embeddings.shape, rows.representatives.shape
    kinds = rows.embeddings.dtype.name, rows.representatives.dtype.name
    if shapes != (n, (n, d), (n,)) or kinds != ("float16", "int32") or not 0 <= rows.n_indexed <= n:
        raise _wrong(folder, f"its files hold {shapes} of {kinds}, its manifest says {n:,} pins of {d}")
    if len(set(rows.pin_ids)) != n:
        raise _wrong(folder, "a pin is in it twice")
    if (rows.representatives[: rows.n_indexed] != np.arange(rows.n_indexed) + n_main).any():
        raise _wrong(folder, "a candidate does not stand for itself")
    others = rows.representatives[rows.n_indexed :]
    if ((others < NO_ROW) | (others >= n_main + rows.n_indexed)).any():
        raise _wrong(folder, "a pin is represented by a row that is no candidate")
    # Written so that NaN is wrong.
    if not (np.abs(np.linalg.norm(widened(rows.embeddings), axis=1) - 1) <= _MAX_NORM_ERROR).all():
        raise _wrong(folder, "a vector is not of length 1")


def _wrong(folder: Path, what: str) -> DamagedArtefactError:
    return DamagedArtefactError(f"{folder}: {what}. {_what_to_do(folder)}")


def _what_to_do(folder: Path) -> str:
    return (
        "These are pins added between builds: go back (python -m index_builder rollback --pins "
        f"{folder.parent}), or remove {folder.parent} and add the pins again."
    )
