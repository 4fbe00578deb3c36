"""The retrieve stage: each sampled medoid's candidates, from the cache or by one search for all misses."""

from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.fusing import NOT_COUNTED, SPREAD_OVER, spread_of
from server.candidate_cache import CandidateCache, Key
from server.candidate_lists import CandidateList, Retrieved
from server.deadlines import Deadline
from server.encoding import encode_lists, medoid_fields
from server.errors import DeadlineExpiredError
from server.metrics import Metrics
from server.pressure import NO_PRESSURE, Pressure
from server.single_flight import SingleFlight
from storage.pins.port import PinView

# A miss fetches more than it needs: the next user's exclusions differ, and the list must still fill up.
# The widest outlasts all limits at once: 1,000 wanted, 2,000 seen, 2,000 excluded, 1,000 in other lists.
TIERS = (200, 400, 800, 1_600, 3_200, 6_400)

Medoid = tuple[str, int]  # its pin id and its row
Lists = dict[int, CandidateList]  # by the medoid's row


# Not frozen: see server.validation.Options.
@dataclass(slots=True)
class Wanted:
    """What a missing list is searched for with.

    Attributes:
        k: How many candidates.
        lower_ef: The efSearch under pressure; None for the usual one.
    """

    k: int
    lower_ef: int | None = None

    @property
    def is_lowered(self) -> bool:
        """Whether a list of a lower efSearch will do."""
        return self.lower_ef is not None


def tier(at_least: int) -> int:
    """The smallest tier that holds `at_least` candidates; the widest when none does."""
    return TIERS[min(bisect_left(TIERS, at_least), len(TIERS) - 1)]


class Retrieval:
    """Fetches candidate lists of one artefact version.

    Args:
        pins: The artefact.
        cache: Lists by the artefact's version and the medoid's row.
        ef_search: HNSW's efSearch of a miss.
        perplexity: Of a medoid over its list, for the fused merge.
        metrics: Counts hits, misses and joins.
        pressure: Lowers the efSearch of misses.
    """

    def __init__(
        self,
        pins: PinView,
        cache: CandidateCache,
        *,
        ef_search: int,
        perplexity: float,
        metrics: Metrics,
        pressure: Pressure = NO_PRESSURE,
    ) -> None:
        self._pins = pins
        self._cache = cache
        self._ef_search = ef_search
        self._pressure = pressure
        self._perplexity = perplexity
        self._metrics = metrics
        # By k, then by the medoid's row.
        self._flights: dict[int, SingleFlight[int, CandidateList]] = {k: SingleFlight() for k in TIERS}

    def fetch(self, medoids: Sequence[Medoid], *, at_least: int, deadline: Deadline) -> list[Retrieved]:
        """The lists of some medoids, in the order given.

        Under pressure every list that is long enough is a hit, also one searched for under pressure before.

        Args:
            medoids: Distinct.
            at_least: How many candidates a list should hold; it has fewer only when the pool has.
            deadline: Checked before a search begins and while another call's search is awaited.
        """
        wanted = Wanted(tier(at_least), self._pressure.ef_search)
        found = self._cached(medoids, at_least, wanted.is_lowered)
        missing = _without(found, medoids)
        self._metrics.count_cache(hits=len(found), misses=len(missing))
        lists = found | (self._fetch_missing(missing, wanted, deadline) if missing else {})
        return [Retrieved(lists[row], row in found) for _, row in medoids]

    def all_cached(self, rows: Sequence[int], *, at_least: int) -> list[Retrieved] | None:
        """The lists of the medoids of these rows; None when one is missing or shorter than `at_least`."""
        found = self._cache.get_all(self._pins.version, rows, at_least)
        if found is not None:
            self._metrics.count_cache(hits=len(found), misses=0)
        return found

    def cached(self, medoids: Sequence[Medoid]) -> dict[int, Retrieved]:
        """The lists that are in the cache, as wide as they are, by the medoid's row; nothing is searched."""
        also_lowered = self._pressure.ef_search is not None
        return {row: Retrieved(entry, True) for row, entry in self._cached(medoids, 0, also_lowered).items()}

    def warm(self, medoids: Sequence[Medoid], k: int) -> None:
        """Fetch lists of k candidates before anybody asks for them."""
        self._compute(list(medoids), Wanted(k))

    def _cached(self, medoids: Sequence[Medoid], at_least: int, also_lowered: bool) -> Lists:
        keys = [self._key(medoid) for medoid in medoids]
        lists = self._cache.get_each(self._pins.version, keys, at_least, also_lowered=also_lowered)
        return {row: each for (_, row), each in zip(medoids, lists, strict=True) if each is not None}

    def _fetch_missing(self, missing: list[Medoid], wanted: Wanted, deadline: Deadline) -> Lists:
        deadline.check("retrieve")
        led, joined = self._flights[wanted.k].board([row for _, row in missing])
        self._metrics.count_joins(len(joined))
        # Those led are landed before anyone is waited for.
        lists = self._lead([medoid for medoid in missing if medoid[1] in led], wanted) if led else {}
        if not joined:
            return lists
        return lists | {row: _await(flight, deadline) for row, flight in joined.items()}

    def _lead(self, medoids: list[Medoid], wanted: Wanted) -> Lists:
        flights = self._flights[wanted.k]
        try:
            lists = self._compute(medoids, wanted)
        except BaseException as error:
            flights.fail([row for _, row in medoids], error)
            raise
        flights.land(lists)
        return lists

    def _compute(self, medoids: list[Medoid], wanted: Wanted) -> Lists:
        # Another leader may have landed between this call's look-up and its boarding.
        found = self._cached(medoids, wanted.k, wanted.is_lowered)
        missing = _without(found, medoids)
        return found | (self._search(missing, wanted) if missing else {})

    def _search(self, medoids: list[Medoid], wanted: Wanted) -> Lists:
        k, rows = wanted.k, [row for _, row in medoids]
        fields = [medoid_fields(pin_id) for pin_id, _ in medoids]
        queries = self._pins.embeddings[np.array(rows, np.int64)]
        with self._metrics.stage("search"):
            scores, neighbours = self._pins.search(
                queries, k, ef_search=self._ef_search if wanted.lower_ef is None else wanted.lower_ef
            )
        is_long_enough = k >= SPREAD_OVER or neighbours.shape[1] < k
        lists = encode_lists(
            neighbours,
            self._pins.encoded_ids(neighbours.ravel()),
            scores,
            fields,
            wanted=k,
            spreads=self._spreads(medoids, neighbours, scores) if is_long_enough else None,
            lowered=wanted.is_lowered,
        )
        for medoid, candidates in zip(medoids, lists, strict=True):
            self._cache.put(self._pins.version, self._key(medoid), candidates)
        return dict(zip(rows, lists, strict=True))

    def _spreads(
        self, medoids: Sequence[Medoid], neighbours: NDArray[np.integer], scores: NDArray[np.float32]
    ) -> list[tuple[float, float]]:
        """Each medoid's T and log Z, over the first of its list but for itself and its near-duplicates."""
        first, cosines = neighbours[:, :SPREAD_OVER], scores[:, :SPREAD_OVER]
        itself = self._pins.representatives[[row for _, row in medoids]]
        counted = np.where(first == itself[:, np.newaxis], NOT_COUNTED, cosines)
        return spread_of(counted, self._perplexity).each()

    def _key(self, medoid: Medoid) -> Key:
        return medoid[1]


def _without(found: Lists, medoids: Sequence[Medoid]) -> list[Medoid]:
    return [medoid for medoid in medoids if medoid[1] not in found]


def _await(flight: "Future[CandidateList]", deadline: Deadline) -> CandidateList:
    if not wait([flight], timeout=deadline.remaining_s()).done:
        raise DeadlineExpiredError("the deadline passed while another call searched for the same medoid")
    return flight.result()
