"""The pin artefact on disk: opened step by step, refused at the first doubt, then only mapped into memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.leases import Lease
from storage.pins.columns import NO_COLUMNS, Columns
from storage.pins.golden import check_golden
from storage.pins.hnsw import Hnsw, HnswSearch
from storage.pins.ids import IdLookup
from storage.pins.layout import COLUMNS, EMBEDDINGS, IDS, INDEX, PINS, REPRESENTATIVE
from storage.pins.manifest import FORMAT, PinManifest
from storage.pins.mapping import mapped_array, mapped_batch, read_in_large_pages
from storage.pins.texts import EncodedIds, Texts, require_rows
from storage.publishing import VersionedFolder, read_manifest, verify_files

_PIN_ID, _TITLE = pa.field("pin_id", pa.large_string()), pa.field("title", pa.large_string())
_TEXTS = (pa.schema([_PIN_ID]), pa.schema([_PIN_ID, _TITLE]))

Scalar = TypeVar("Scalar", bound=np.generic)


def pin_versions(root: Path) -> VersionedFolder:
    """The versions of the pins under `root`."""
    made_by = f"python -m index_builder build --data FOLDER --out {root}"
    return VersionedFolder(root, made_by=made_by, newest_format=FORMAT)


class PinArtefact:
    """Implements storage.pins.port.Pins over one published version; get one from `open`.

    Immutable and safe for any number of threads.

    Args:
        folder: The version's folder.
        manifest: Its manifest.
        lease: Keeps the version from being collected, until `close`.

    Raises:
        DamagedArtefactError: A file does not hold what the manifest says, or the golden queries fail.
    """

    def __init__(self, folder: Path, manifest: PinManifest, lease: Lease | None = None) -> None:
        n, d = manifest.counts.pins, manifest.embedding_space.dimension
        self.manifest = manifest
        self._lease = lease
        self.version = folder.name
        self.embedding_space = manifest.embedding_space
        self.n_pins = n
        self.n_indexed = manifest.counts.indexed
        self.embeddings: NDArray[np.float16] = _mapped(folder / EMBEDDINGS, np.float16, (n, d))
        self.representatives: NDArray[np.int32] = _mapped(folder / REPRESENTATIVE, np.int32, (n,))
        self._source, texts = _mapped_texts(folder / PINS, n)
        self._pin_ids = Texts(texts["pin_id"])
        self._titles = Texts(texts["title"]) if "title" in texts.schema.names else None
        # Not self.pin_ids: a cycle would keep a swapped version mapped until the garbage collector comes by.
        table = _mapped(folder / IDS, np.uint64, (2, n))
        self._lookup = IdLookup(table, self.representatives, self._pin_ids.__getitem__)
        self.columns = _columns(folder / COLUMNS, manifest)
        index = _index(folder / INDEX, self.n_indexed, d, manifest.parameters.storage)
        self._search = HnswSearch(index, self.embeddings)
        check_golden(manifest.golden, self.search, self.embeddings, where=folder)

    @classmethod
    def open(cls, root: Path, version: str | None = None, *, checksums: bool = True) -> "PinArtefact":
        """Open the live version under `root`, or the one named.

        Args:
            root: The folder of the versions.
            version: A version's name.
            checksums: Compare every file's SHA-256. Leave it out only where another process just did: FAISS
                loads nearly half of all damaged files without a word.

        Raises:
            NoVersionError: There is no such version; the message says what to run.
            DamagedArtefactError: The version is not what was published.
            UnknownFormatError: It was written by a newer version of this software.
        """
        lease = pin_versions(root).lease(version)
        folder = lease.folder
        content = read_manifest(folder, newest_format=FORMAT)
        manifest = PinManifest.from_json(content, where=folder)
        if checksums:
            read_in_large_pages(folder)
        verify_files(folder, content, checksums=checksums)
        return cls(folder, manifest, lease)

    def close(self) -> None:
        """Close the open file, let the version go; memory is unmapped when its last array is dropped."""
        self._source.close()
        if self._lease is not None:
            self._lease.close()

    def row(self, pin_id: str) -> int:
        """The pin's row, or NO_ROW when this version does not hold it."""
        return int(self.rows([pin_id])[0])

    def rows(self, pin_ids: Sequence[str]) -> NDArray[np.int64]:
        """int64 [n]: the row of each pin, NO_ROW for unknown ones."""
        return self._lookup.rows(pin_ids)

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: the row of each xxh3-64 of a pin id, NO_ROW for unknown ones (collisions accepted)."""
        return self._lookup.rows_of_hashes(hashes)

    def representatives_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """int32 [x]: the representatives of those rows, in order; unknown ones are left out."""
        return self._lookup.representatives_of_hashes(hashes)

    def pin_ids(self, rows: NDArray[np.integer]) -> list[str]:
        """The ids of rows, in order."""
        return self._pin_ids[rows]

    def encoded_ids(self, rows: NDArray[np.integer]) -> EncodedIds:
        """The ids of rows as UTF-8, in order."""
        return self._pin_ids.encoded(rows)

    def titles(self, rows: NDArray[np.integer]) -> list[str]:
        """The titles of rows, in order; empty strings where the data had none."""
        if self._titles is not None:
            return self._titles[rows]
        require_rows(rows, self.n_pins)
        return [""] * len(rows)

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k indexed pins nearest to each query; see storage.pins.port."""
        return self._search.search(queries, k, ef_search=ef_search)

    def search_passing(
        self, queries: NDArray[np.float16], k: int, *, bitmap: NDArray[np.uint8], ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest indexed pins among some; see storage.pins.port."""
        return self._search.search_passing(queries, k, bitmap=bitmap, ef_search=ef_search)


def _mapped(path: Path, dtype: type[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """The array of an .npy file, read-only and in the page cache."""
    try:
        array = mapped_array(path)
    except (OSError, ValueError) as error:
        raise DamagedArtefactError(f"{path} cannot be read: {error}. Build again.") from error
    if array.dtype != dtype or array.shape != shape:
        found, expected = f"{array.dtype} {array.shape}", f"{np.dtype(dtype)} {shape}"
        raise DamagedArtefactError(f"{path} holds {found}, its manifest says {expected}. Build again.")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise DamagedArtefactError(f"{path} does not hold row after row. Build again.")
    return array


def _mapped_texts(path: Path, n: int) -> tuple[pa.MemoryMappedFile, pa.RecordBatch]:
    """The one batch of an Arrow IPC file, and the open file."""
    try:
        source, texts = mapped_batch(path)
        is_known = texts.schema in _TEXTS
        found = ", ".join(f"{field.name}: {field.type}" for field in texts.schema)
    except (OSError, ValueError) as error:
        raise DamagedArtefactError(f"{path} cannot be read: {error}. Build again.") from error
    if not is_known:
        raise DamagedArtefactError(
            f"{path} holds other columns than pin ids and titles: {found}. Build again."
        )
    if len(texts) != n:
        raise DamagedArtefactError(f"{path} holds {len(texts):,} pins, its manifest says {n:,}. Build again.")
    return source, texts


def _index(path: Path, n: int, d: int, storage: str) -> Hnsw:
    index = Hnsw.open(path)
    if index.storage != storage:
        raise DamagedArtefactError(
            f"{path} stores {index.storage or 'something else'}, its manifest says {storage}. Build again."
        )
    if (len(index), index.dimension) != (n, d):
        raise DamagedArtefactError(
            f"{path} holds {len(index):,} vectors of {index.dimension} dimensions, "
            f"its manifest says {n:,} of {d}. Build again."
        )
    return index


def _columns(path: Path, manifest: PinManifest) -> Columns:
    if not manifest.filter_columns:
        return NO_COLUMNS
    columns = Columns.open(path, manifest.counts.pins, manifest.counts.indexed)
    if tuple(columns.kinds) != manifest.filter_columns:
        found, expected = ", ".join(columns.kinds), ", ".join(manifest.filter_columns)
        raise DamagedArtefactError(f"{path} holds {found}, its manifest says {expected}. Build again.")
    return columns
