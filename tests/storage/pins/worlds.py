"""Small worlds of pins whose neighbours a person can see, in memory and published."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.embedding_space import EmbeddingSpace
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.golden import ask_golden
from storage.pins.hnsw import STORAGE, Hnsw, HnswSearch
from storage.pins.manifest import BuildParameters, Counts, Measured, PinManifest
from storage.pins.memory import InMemoryPins
from storage.pins.writing import PinRows, write_pins
from storage.publishing import Manifest, Published


@dataclass(frozen=True)
class World:
    """Pins in the order of their rows; the first `n_indexed` are the refined pool."""

    rows: PinRows
    n_indexed: int
    embedding_space: EmbeddingSpace


def texts(values: Iterable[str]) -> pa.LargeStringArray:
    return pa.array(list(values), pa.large_string())


def strings(column: pa.LargeStringArray) -> list[str]:
    return [str(text) for text in column.to_pylist()]


def on_circle(angles: Sequence[float]) -> NDArray[np.float16]:
    """float16 [n, 2]: unit vectors, so that the cosine of two pins is that of the angle between them."""
    radians = np.deg2rad(np.array(angles, np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float16)


def compass(*, titles: bool = True) -> World:
    """36 indexed pins, one every 10 degrees; beside them 91 (which 90 stands for) and 225 (nobody does).

    Ids are degrees with a letter, as shops have them; the title is the degrees.
    """
    angles = [*range(0, 360, 10), 91, 225]
    return World(
        rows=PinRows(
            pin_ids=texts(f"{angle}N" for angle in angles),
            titles=texts(f"{angle}°" for angle in angles) if titles else None,
            embeddings=on_circle(angles),
            representatives=np.array([*range(36), 9, -1], np.int32),
        ),
        n_indexed=36,
        embedding_space=EmbeddingSpace("compass-1", 2),
    )


def cloud(n: int, d: int, *, seed: int = 0) -> World:
    """Indexed pins anywhere on the sphere, n of them."""
    vectors = np.random.default_rng(seed).standard_normal((n, d))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = PinRows(
        pin_ids=texts(f"p{row}" for row in range(n)),
        titles=None,
        embeddings=unit.astype(np.float16),
        representatives=np.arange(n, dtype=np.int32),
    )
    return World(rows=rows, n_indexed=n, embedding_space=EmbeddingSpace("cloud-1", d))


def index_of(world: World) -> Hnsw:
    index = Hnsw.empty(world.embedding_space.dimension, m=16, ef_construction=100)
    index.add(world.rows.embeddings[: world.n_indexed], threads=1)
    return index


def manifest_of(world: World, index: Hnsw) -> PinManifest:
    n = len(world.rows.pin_ids)
    pool = world.rows.embeddings[: world.n_indexed]
    return PinManifest(
        embedding_space=world.embedding_space,
        counts=Counts(
            read=n, rejected={}, low_quality=n - world.n_indexed, near_duplicates=0, indexed=world.n_indexed
        ),
        parameters=BuildParameters(
            quality_threshold=0.5, near_duplicate_cosine=0.98, storage=STORAGE, m=16, ef_construction=100
        ),
        libraries={"faiss-cpu": "1.15.1"},
        golden=ask_golden(HnswSearch(index, pool).search, pool),
        measured=Measured(k=0, n_queries=0, at=()),
    )


def in_memory(world: World) -> InMemoryPins:
    return InMemoryPins(
        strings(world.rows.pin_ids),
        world.rows.embeddings,
        embedding_space=world.embedding_space,
        titles=None if world.rows.titles is None else strings(world.rows.titles),
        representatives=world.rows.representatives,
        n_indexed=world.n_indexed,
    )


def publish(
    root: Path,
    world: World,
    *,
    spoil: Callable[[Path], None] = lambda _: None,
    change: Callable[[PinManifest], PinManifest] = replace,
) -> Published:
    """Publish the world; `spoil` changes the files and `change` the manifest before both are sealed."""
    index = index_of(world)

    def write(draft: Path) -> Manifest:
        write_pins(draft, world.rows, index)
        spoil(draft)
        return change(manifest_of(world, index)).to_json()

    return pin_versions(root).publish(write)


def published(root: Path, world: World) -> PinArtefact:
    publish(root, world)
    return PinArtefact.open(root)
