"""The retrieve stage: each sampled medoid's candidates, from the cache or by one search for all misses."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.candidate_cache import CandidateCache, CandidateList
from server.deadlines import Deadline
from server.encoding import encode_list
from server.errors import DeadlineExpiredError
from server.metrics import Metrics
from server.single_flight import SingleFlight
from storage.pins.port import Pins

# A miss fetches more than it needs: the next user's exclusions differ, and the list must still fill up.
TIERS = (200, 400, 800, 1_600, 3_200)

Flight = tuple[int, int]  # (medoid row, k)


@dataclass(frozen=True, slots=True)
class Retrieved:
    """One medoid's list, and whether it was in the cache when asked for."""

    candidates: CandidateList
    cache_hit: bool


def tier(at_least: int) -> int:
    """The smallest tier that holds `at_least` candidates; the widest when none does."""
    return next((k for k in TIERS if k >= at_least), TIERS[-1])


class Retrieval:
    """Fetches candidate lists of one artefact version.

    Args:
        pins: The artefact.
        cache: Lists by (artefact version, medoid pin id).
        ef_search: HNSW's efSearch of a miss.
        metrics: Counts hits, misses and joins.
    """

    def __init__(self, pins: Pins, cache: CandidateCache, *, ef_search: int, metrics: Metrics) -> None:
        self._pins = pins
        self._cache = cache
        self._ef_search = ef_search
        self._metrics = metrics
        self._flights: SingleFlight[Flight, CandidateList] = SingleFlight()

    def fetch(
        self, medoids: Sequence[tuple[str, int]], *, at_least: int, deadline: Deadline
    ) -> list[Retrieved]:
        """The lists of some medoids, in the order given.

        Args:
            medoids: Pin id and row of each, distinct.
            at_least: How many candidates a list should hold; it has fewer only when the pool has.
            deadline: Checked before a search begins and while another call's search is awaited.
        """
        cached = {row: self._cache.get(self._key(pin_id), at_least) for pin_id, row in medoids}
        found = {row: each for row, each in cached.items() if each is not None}
        missing = [(pin_id, row) for pin_id, row in medoids if row not in found]
        self._metrics.count_cache(hits=len(found), misses=len(missing))
        lists = found | (self._fetch_missing(missing, tier(at_least), deadline) if missing else {})
        return [Retrieved(lists[row], row in found) for _, row in medoids]

    def _fetch_missing(
        self, missing: list[tuple[str, int]], k: int, deadline: Deadline
    ) -> dict[int, CandidateList]:
        deadline.check("retrieve")
        names = {row: pin_id for pin_id, row in missing}
        led, joined = self._flights.board((row, k) for _, row in missing)
        # Those led are landed before anyone is waited for.
        lists = self._lead(led, names) if led else {}
        self._metrics.count_joins(len(joined))
        return lists | {row: _await(flight, deadline) for (row, _), flight in joined.items()}

    def _lead(self, led: list[Flight], names: dict[int, str]) -> dict[int, CandidateList]:
        try:
            return {flight[0]: candidates for flight, candidates in self._compute(led, names)}
        except BaseException as error:
            self._flights.fail(led, error)
            raise

    def _compute(self, led: list[Flight], names: dict[int, str]) -> list[tuple[Flight, CandidateList]]:
        landed: list[tuple[Flight, CandidateList]] = []
        searched: list[Flight] = []
        for row, k in led:
            # Another leader may have landed between this call's look-up and its boarding.
            present = self._cache.get(self._key(names[row]), k)
            if present is None:
                searched.append((row, k))
            else:
                landed.append(((row, k), present))
        landed += self._search(searched, names) if searched else []
        for flight, candidates in landed:
            self._flights.land(flight, candidates)
        return landed

    def _search(self, flights: list[Flight], names: dict[int, str]) -> list[tuple[Flight, CandidateList]]:
        rows = np.array([row for row, _ in flights], np.int64)
        wanted = flights[0][1]
        with self._metrics.stage("search"):
            scores, neighbours = self._pins.search(
                self._pins.embeddings[rows], wanted, ef_search=self._ef_search
            )
        return [
            (flight, self._keep(names[flight[0]], neighbours[at], scores[at], wanted))
            for at, flight in enumerate(flights)
        ]

    def _keep(
        self, medoid_pin_id: str, rows: NDArray[np.int64], scores: NDArray[np.float32], wanted: int
    ) -> CandidateList:
        pin_ids = self._pins.pin_ids(rows)
        candidates = encode_list(rows, pin_ids, scores, medoid_pin_id=medoid_pin_id, wanted=wanted)
        self._cache.put(self._key(medoid_pin_id), candidates)
        return candidates

    def _key(self, medoid_pin_id: str) -> tuple[str, str]:
        return self._pins.version, medoid_pin_id


def _await(flight: "Future[CandidateList]", deadline: Deadline) -> CandidateList:
    try:
        return flight.result(timeout=deadline.remaining_s())
    except TimeoutError as error:
        if flight.done():
            raise
        raise DeadlineExpiredError(
            "the deadline passed while another call searched for the same medoid"
        ) from error
