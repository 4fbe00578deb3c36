"""HNSW indexes of large pools: built once for a pool, kept on disk, never used half written or damaged."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from evaluation.list_cache import digest
from process.progress import Reporter
from storage.errors import DamagedArtefactError
from storage.manifests import MANIFEST, describe_files, encode_manifest, read_manifest, verify_files
from storage.pins.hnsw import Hnsw

INDEX = "index.faiss"

_BATCH_ROWS = 8_192
"""So that no float32 copy of the pool exists, and progress shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexParameters:
    """How a graph is built.

    Attributes:
        m: Links a node and level; twice as many on the lowest.
        ef_construction: Candidates kept while a node's links are chosen.
    """

    m: int = 32
    ef_construction: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedIndex:
    """An index over a whole pool, in its order.

    Attributes:
        file: Whole and undamaged, as storage.pins.hnsw saves it.
        build_s: What building it took, whenever that was.
    """

    file: Path
    build_s: float


def cached_index(
    vectors: NDArray[np.float16], cache: Path, parameters: IndexParameters, reporter: Reporter
) -> CachedIndex:
    """The pool's index: that of an earlier run where it was finished, else built, which takes long.

    Its folder is named after the pool's content and the parameters: another pool never meets it.

    Args:
        vectors: float16 [n, d], unit norm.
        cache: Holds a folder for each pool.
        parameters: Of the graph.
        reporter: Told of progress.

    Raises:
        DamagedArtefactError: The index is not what was written there; the message says what to delete.
    """
    name = f"hnsw-{digest(vectors)}-m{parameters.m}-ef{parameters.ef_construction}"
    folder = cache / name
    if not folder.exists():
        _build(vectors, folder, parameters, reporter)
    with reporter.step("Check the index"):
        return _open(vectors, folder)


def _build(
    vectors: NDArray[np.float16], folder: Path, parameters: IndexParameters, reporter: Reporter
) -> None:
    """Build in a folder beside, which gets its name when it is whole."""
    began = time.monotonic()
    index = Hnsw.empty(vectors.shape[1], m=parameters.m, ef_construction=parameters.ef_construction)
    with reporter.step("Build the index", len(vectors)) as step:
        for start in range(0, len(vectors), _BATCH_ROWS):
            batch = vectors[start : start + _BATCH_ROWS]
            index.add(batch, threads=os.cpu_count() or 1)
            step.advance(len(batch))
    unfinished = folder.with_name(f"{folder.name}.unfinished-{os.getpid()}")
    unfinished.mkdir(parents=True, exist_ok=True)
    index.save(unfinished / INDEX)
    manifest = {
        "format": 1,
        "build_s": time.monotonic() - began,
        "files": describe_files([unfinished / INDEX]),
    }
    (unfinished / MANIFEST).write_bytes(encode_manifest(manifest))
    try:
        unfinished.replace(folder)
    except OSError:
        # Another run was first; its index serves as well.
        if not folder.exists():
            raise
        shutil.rmtree(unfinished)


def _open(vectors: NDArray[np.float16], folder: Path) -> CachedIndex:
    try:
        manifest = read_manifest(folder)
        verify_files(folder, manifest, checksums=True)
    except DamagedArtefactError as error:
        raise DamagedArtefactError(f"the cached index is damaged: {error} Delete {folder}.") from error
    index = Hnsw.open(folder / INDEX)
    if not _holds(index, vectors):
        raise DamagedArtefactError(f"{folder} holds an index of other vectors. Delete it and run again.")
    return CachedIndex(file=folder / INDEX, build_s=float(cast(float, manifest["build_s"])))


def _holds(index: Hnsw, vectors: NDArray[np.float16]) -> bool:
    """Whether the index is as large as the pool and its last rows are the pool's."""
    if (len(index), index.dimension) != vectors.shape:
        return False
    first = max(len(index) - _BATCH_ROWS, 0)
    return np.array_equal(index.stored(first, len(index) - first), vectors[first:])
