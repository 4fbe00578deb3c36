"""Golden queries: questions whose answers are stored, so that a version proves itself when it is opened."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins.manifest import GoldenQueries, GoldenQuery

N_QUERIES, K, EF_SEARCH = 16, 10, 64
MAX_SCORE_DIFFERENCE = 1e-3
# Not all of them: equal scores may come in another order on another CPU.
MIN_OVERLAP = 0.98

Search = Callable[..., tuple[NDArray[np.float32], NDArray[np.int64]]]


def ask_golden(search: Search, pool: NDArray[np.float16]) -> GoldenQueries:
    """Ask about pins spread evenly over the pool, and keep the answers.

    Args:
        search: The `search` of storage.pins.port.
        pool: float16 [n, d], what is searched.
    """
    asked = np.unique(np.linspace(0, len(pool) - 1, N_QUERIES).astype(np.int64))
    scores, rows = search(pool[asked], K, ef_search=EF_SEARCH)
    queries = tuple(
        GoldenQuery(row=row, rows=tuple(found), scores=tuple(round(score, 6) for score in cosines))
        for row, found, cosines in zip(asked.tolist(), rows.tolist(), scores.tolist(), strict=True)
    )
    return GoldenQueries(k=K, ef_search=EF_SEARCH, queries=queries)


def check_golden(golden: GoldenQueries, search: Search, pool: NDArray[np.float16], *, where: object) -> None:
    """Ask the golden queries again.

    Raises:
        DamagedArtefactError: The answers in `where` are others than when it was built.
    """
    asked = np.array([query.row for query in golden.queries])
    if len(pool) == 0 or asked.max() >= len(pool) or golden.k < 1:
        raise DamagedArtefactError(f"{where} has golden queries that its pins cannot answer. Build again.")
    expected_rows = np.array([query.rows for query in golden.queries])
    expected_scores = np.array([query.scores for query in golden.queries])
    scores, rows = search(pool[asked], golden.k, ef_search=golden.ef_search)
    if rows.shape != expected_rows.shape:
        raise DamagedArtefactError(
            f"{where} answers its golden queries with other numbers of pins. Build again."
        )
    overlap = np.mean(
        [np.isin(found, expected).mean() for found, expected in zip(rows, expected_rows, strict=True)]
    )
    difference = np.abs(scores - expected_scores).max()
    # Written so that NaN is wrong.
    if not (overlap >= MIN_OVERLAP and difference <= MAX_SCORE_DIFFERENCE):
        raise DamagedArtefactError(
            f"{where} does not answer its golden queries as it did when it was built: overlap {overlap:.2f} "
            f"(at least {MIN_OVERLAP}), scores off by {difference:.4f} (at most {MAX_SCORE_DIFFERENCE}). "
            "Build again."
        )
