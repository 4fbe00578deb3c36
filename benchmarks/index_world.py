"""What the index benchmark searches: a refined pool, three kinds of query, and what is nearest to each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from index_builder.reading import ValidPins, read_pins
from index_builder.refining import Refinement, refine
from index_builder.work import Work
from process.progress import Reporter
from storage.pins.scoring import exact_search
from storage.rejects import Rejects

Vectors: TypeAlias = NDArray[np.float16]

K = 200
N_QUERIES = 300


@dataclass(frozen=True, kw_only=True)
class World:
    """What is searched, and the kinds of query with their true answers.

    Attributes:
        pool: float16 [n, d], the refined pool.
        queries: Kind -> float16 [nq, d].
        nearest: Kind -> int64 [nq, k], the rows of the pool nearest to each, by comparing all.
    """

    pool: Vectors
    queries: Mapping[str, Vectors]
    nearest: Mapping[str, NDArray[np.int64]]


def world_of(pins: Path, rows: int, unseen: Path | None, work: Work, reporter: Reporter) -> World:
    """So many pins of a file, refined, and whom to ask about.

    Args:
        pins: Parquet file of pins.
        rows: How many of them, at random.
        unseen: Pins that are in no pool; when left out, some of those that `rows` leaves.
        work: Keeps what the refinement came to.
        reporter: Is told of the steps.
    """
    valid = read(pins, reporter)
    order = np.random.default_rng(0).permutation(len(valid))
    others = (
        valid.embeddings[order[rows:][:N_QUERIES]] if unseen is None else read(unseen, reporter).embeddings
    )
    refined = refine(_taken(valid, np.sort(order[:rows])), Refinement(), reporter, work)
    X, n = refined.rows.embeddings, refined.indexed
    asked = {
        "pool members": X[np.random.default_rng(1).choice(n, min(n, N_QUERIES), replace=False)],
        "refined-out pins": X[n:][:N_QUERIES],
        "unseen pins": others[:N_QUERIES],
    }
    return _answered(X[:n], {kind: queries for kind, queries in asked.items() if len(queries)}, reporter)


def _answered(pool: Vectors, queries: Mapping[str, Vectors], reporter: Reporter) -> World:
    with reporter.step("Compare with all", len(queries)) as step:
        nearest = {}
        for kind, those in queries.items():
            nearest[kind] = exact_search(those, pool, K)[1]
            step.advance()
    return World(pool=pool, queries=queries, nearest=nearest)


def read(path: Path, reporter: Reporter) -> ValidPins:
    """The valid pins of a file, however many of its rows are bad."""
    with TemporaryDirectory() as scratch, Rejects(Path(scratch) / "rejects.jsonl") as rejects:
        return read_pins(path, rejects, reporter, max_reject_share=1.0)


def _taken(pins: ValidPins, rows: NDArray[np.int64]) -> ValidPins:
    return replace(
        pins,
        n_read=len(rows),
        pin_ids=pins.pin_ids.take(rows),
        embeddings=pins.embeddings[rows],
        titles=None,
        quality=None if pins.quality is None else pins.quality[rows],
        created_at_s=None if pins.created_at_s is None else pins.created_at_s[rows],
    )
