"""The retrieve stage over an artefact and what was added to it: cached lists, and added pins put in by score.

Lists are cached of the artefact alone, under its version; the added pins are searched at each request. So
pins come at any time, and no list has to be fetched again.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from model.fusing import SPREAD_OVER
from server.candidate_cache import CandidateCache, Key
from server.candidate_lists import CandidateList, Retrieved
from server.deadlines import Deadline
from server.elements import side_by_side
from server.encoding import encode_list
from server.metrics import Metrics
from server.pressure import NO_PRESSURE, Pressure
from server.retrieval import Medoid, Retrieval, tier
from storage.pins.joined import JoinedPins, OverMain


class JoinedRetrieval(Retrieval):
    """Fetches candidate lists of both.

    Args:
        pins: Both as one.
        cache: Of lists of the artefact alone.
        ef_search: HNSW's efSearch of a miss, and of the added pins where they have an index.
        perplexity: Of a medoid over its list, for the fused merge.
        metrics: Counts hits, misses and joins.
        pressure: Lowers the efSearch of misses; not of added pins, which are few.
    """

    def __init__(
        self,
        pins: JoinedPins,
        cache: CandidateCache,
        *,
        ef_search: int,
        perplexity: float,
        metrics: Metrics,
        pressure: Pressure = NO_PRESSURE,
    ) -> None:
        super().__init__(
            OverMain(pins.main, pins.side),
            cache,
            ef_search=ef_search,
            perplexity=perplexity,
            metrics=metrics,
            pressure=pressure,
        )
        self._joined = pins

    def all_cached(
        self,
        rows: Sequence[int],  # noqa: ARG002 - the base's
        *,
        at_least: int,  # noqa: ARG002 - the base's
    ) -> list[Retrieved] | None:
        """None, whatever is asked for: what was added is searched at each request."""
        return None

    def fetch(self, medoids: Sequence[Medoid], *, at_least: int, deadline: Deadline) -> list[Retrieved]:
        """The lists of some medoids, in the order given; see server.retrieval."""
        of_main = super().fetch(medoids, at_least=at_least, deadline=deadline)
        # A list that holds all of the artefact's candidates is as long as is asked of both.
        wanted = [
            max(each.candidates.wanted, tier(at_least))
            if each.candidates.is_whole_pool
            else each.candidates.wanted
            for each in of_main
        ]
        return self._joint_lists(medoids, of_main, wanted)

    def cached(self, medoids: Sequence[Medoid]) -> dict[int, Retrieved]:
        """The lists that are in the cache, with what was added put in; see server.retrieval."""
        of_main = super().cached(medoids)
        present = [medoid for medoid in medoids if medoid[1] in of_main]
        if not present:
            return {}
        lists = [of_main[row] for _, row in present]
        joint = self._joint_lists(present, lists, [each.candidates.wanted for each in lists])
        return {row: each for (_, row), each in zip(present, joint, strict=True)}

    def _joint_lists(
        self, medoids: Sequence[Medoid], of_main: Sequence[Retrieved], wanted: Sequence[int]
    ) -> list[Retrieved]:
        """The lists of some medoids, each with the added pins that belong among the first `wanted`."""
        queries = self._joined.embeddings[np.array([row for _, row in medoids], np.int64)]
        with self._metrics.stage("search"):
            scores, rows = self._joined.search_side(queries, max(wanted), ef_search=self._ef_search)
        return [
            Retrieved(self._joint(each.candidates, medoid, scores[at], rows[at], wanted[at]), each.cache_hit)
            for at, (each, medoid) in enumerate(zip(of_main, medoids, strict=True))
        ]

    def _joint(
        self,
        of_main: CandidateList,
        medoid: Medoid,
        scores: NDArray[np.float32],
        rows: NDArray[np.int64],
        wanted: int,
    ) -> CandidateList:
        """The list with those of the added pins that belong in it."""
        n = len(rows) if of_main.is_whole_pool else int(np.count_nonzero(scores > of_main.scores[-1]))
        if not n:
            return of_main
        pin_ids = self._joined.encoded_ids(rows[:n])
        added = encode_list(rows[:n], pin_ids, scores[:n], medoid_pin_id=medoid[0], wanted=n)
        return self._spread(put_in(of_main, added, wanted), medoid[1])

    def _spread(self, joint: CandidateList, medoid_row: int) -> CandidateList:
        """The list with its own spread: the artefact's was that of another list."""
        if joint.wanted < SPREAD_OVER and not joint.is_whole_pool:
            return joint
        spread = self._spreads([("", medoid_row)], joint.rows[np.newaxis], joint.scores[np.newaxis])[0]
        return replace(joint, spread=spread)

    def _key(self, medoid: Medoid) -> Key:
        pin_id, row = medoid
        at = row - self._joined.main.n_pins
        if at < 0:
            return row
        # Rows of added pins change as others are added. And one that was taken back may get another vector.
        return pin_id, xxh3_64_intdigest(self._joined.side.rows.embeddings[at].tobytes())


def put_in(candidates: CandidateList, added: CandidateList, wanted: int) -> CandidateList:
    """The best `wanted` of two lists of one medoid, without its spread; ties by row."""
    rows = np.concatenate([candidates.rows, added.rows])
    scores = np.concatenate([candidates.scores, added.scores])
    order = np.lexsort((rows, -scores))[:wanted]
    return CandidateList(
        rows=rows[order],
        scores=scores[order],
        elements=side_by_side([candidates.elements, added.elements])[order],
        wanted=wanted,
        medoid=candidates.medoid,
        lowered=candidates.lowered,
    )
