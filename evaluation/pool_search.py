"""How a pool is searched: exactly, or, where it is large, by an index measured against exact search."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.indexes import IndexParameters, cached_index
from evaluation.results import Reading
from evaluation.retrieval import ExactRetriever, HnswRetriever, Retriever
from evaluation.worlds import World
from process.progress import Reporter

EXACT_PINS = 500_000
"""Up to here every query is compared with every pin, which is as fast as an index that finds nearly all."""
WANTED_RECALL = 0.97
"""Of exact lists, at least: methods differ by far more than what the rest can change."""

_EF_SEARCH = (1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8)
"""Tried in this order, in lengths of a list."""
_N_QUERIES = 100
"""Of each kind that recall is measured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSearch:
    """The retriever of a pool, and what a reader of results must know of it.

    Attributes:
        retriever: Over the pool.
        reading: Exact or not, and how good, for the table of the protocol.
        seconds: What was made once for the pool, by name.
    """

    retriever: Retriever
    reading: Reading
    seconds: Mapping[str, float] = field(default_factory=dict)


def pool_search(world: World, k: int, indexes: Path, reporter: Reporter) -> PoolSearch:
    """Choose how to search the world's pool, by its size.

    Args:
        world: Its users' pins and averages are what recall is measured on.
        k: Length of the lists that must be nearly exact.
        indexes: Folder for the indexes of large pools.
        reporter: Told of progress.

    Raises:
        DamagedArtefactError: The pool's index cannot be used; the message says what to delete.
    """
    if world.n_pins <= EXACT_PINS:
        return PoolSearch(retriever=ExactRetriever(world.vectors), reading=_reading("exact"))
    parameters = IndexParameters()
    index = cached_index(world.vectors, indexes, parameters, reporter)
    ef_search, recalls = _tuned(world, k, index.file, reporter)
    parts = " and ".join(f"{share:.1%} of the {k} nearest to {kind}" for kind, share in recalls.items())
    return PoolSearch(
        retriever=HnswRetriever(index.file, world.vectors, ef_search),
        reading=_reading(
            f"HNSW (M {parameters.m}, efConstruction {parameters.ef_construction}, efSearch {ef_search}) "
            f"finds {parts}, on {_N_QUERIES} of each; pools of up to {EXACT_PINS:,} pins exactly"
        ),
        seconds={"index of the pool, built once": index.build_s},
    )


def _reading(value: str) -> Reading:
    return Reading(what="Search", value=value, is_papers=False)


def _tuned(world: World, k: int, index: Path, reporter: Reporter) -> tuple[int, dict[str, float]]:
    """The first efSearch whose recall is as wanted for every kind of query, or the last; and its recalls."""
    queries = _queries(world, np.random.default_rng(0))
    exact = ExactRetriever(world.vectors)
    with reporter.step("Tune the search", len(_EF_SEARCH)) as step:
        nearest = {kind: exact.nearest(vectors, k)[1] for kind, vectors in queries.items()}
        for ef_search in (round(lengths * k) for lengths in _EF_SEARCH):
            retriever = HnswRetriever(index, world.vectors, ef_search)
            recalls = {
                kind: recall(retriever.nearest(vectors, k)[1], nearest[kind])
                for kind, vectors in queries.items()
            }
            step.advance()
            if min(recalls.values()) >= WANTED_RECALL:
                break
    return ef_search, recalls


def _queries(world: World, generator: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Pins that were acted on, and averages of a user's pins: what methods search for, by its kind."""
    liked = np.flatnonzero(world.log.is_positive)
    users, rows = world.log.users[liked], world.log.rows[liked]
    drawn = generator.choice(len(rows), _N_QUERIES)
    averages = [
        world.vectors[rows[users == user]].astype(np.float32).mean(axis=0) for user in users[drawn].tolist()
    ]
    norms = np.linalg.norm(averages, axis=1, keepdims=True)
    return {
        "a pin": world.vectors[generator.choice(rows, _N_QUERIES)].astype(np.float32),
        "an average": (np.array(averages) / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32),
    }


def recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """The share of the exact lists, int64 [q, k], that is found."""
    n_found = sum(len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True))
    return n_found / exact.size
