"""What is served, replaced under way: opened aside, warmed, and taken into service as one reference.

A call takes the stages once and keeps them to its end; so every answer, and every message of a batch, is of
one version. What was served before is given back when the last call that uses it is answered.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import structlog

from process.attempts import Attempts
from server.candidate_cache import CandidateCache
from server.candidate_lists import pin_id_of
from server.following import SideFollower
from server.metrics_catalogue import Artefact
from server.recommending import Recommender
from server.retrieval import Medoid, Retrieval
from server.vouching import Versions
from server.warming import Warming
from storage.errors import StorageError
from storage.pins.mapping import let_pages_go
from storage.pins.port import NO_ROW, PinView
from storage.profiles.store import ProfileReader

log = structlog.get_logger("server.swapping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How versions are opened: after somebody vouched for them, so without reading them to the end."""

    pins: Callable[[str], PinView]
    profiles: Callable[[str], ProfileReader]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """What the stages are made over.

    Attributes:
        main: The pin artefact.
        pins: The same, with what was added to it.
        profiles: The batch profiles.
    """

    main: PinView
    pins: PinView
    profiles: ProfileReader

    @property
    def versions(self) -> Versions:
        """By name."""
        return Versions(self.main.version, self.profiles.describe().version)


class Exchange:
    """Holds what is served, and changes it; for any number of threads.

    Args:
        root: The artefact's folder.
        served: What is served at first.
        opening: Opens other versions.
        build: The stages over something.
        place: Takes stages into service.
        cache: Of candidate lists, of all versions.
        warming: The policy.
        count_refused: Told of versions that could not be taken.

    Attributes:
        refused: Of what a version that somebody vouched for could not be taken.
    """

    def __init__(
        self,
        root: Path,
        served: Served,
        *,
        opening: Opening,
        build: Callable[[Served], Recommender],
        place: Callable[[Served, Recommender], None],
        cache: CandidateCache,
        warming: Warming,
        count_refused: Callable[[Artefact], None],
    ) -> None:
        self._root, self._served = root, served
        self._opening, self._build, self._place = opening, build, place
        self._cache, self._warming, self._count_refused = cache, warming, count_refused
        self._changing, self._swapping = threading.RLock(), threading.Lock()
        self._swaps = Attempts(StorageError)
        self.refused: frozenset[Artefact] = frozenset()
        self._side = self._follower(served.main)

    @property
    def versions(self) -> Versions:
        """What is served now."""
        return self._served.versions

    def poll_side(self) -> None:
        """Look for pins added to what is served; raises nothing."""
        with self._changing:
            self._side.poll()

    def swap(self, versions: Versions) -> None:
        """Serve versions that somebody vouched for; raises nothing: what cannot be opened is logged."""
        with self._swapping:
            is_taken = self._swaps.make(
                lambda: self._swap(versions), lambda problem: self._tell(versions, problem)
            )
            self.refused = frozenset() if is_taken else frozenset({self._changed(versions)})

    def _swap(self, versions: Versions) -> None:
        before, served = self.versions, self._served
        if versions == before:
            return
        main, profiles = served.main, served.profiles
        if versions.profiles != before.profiles:
            profiles = self._opening.profiles(versions.profiles)
        if versions.pins != before.pins:
            main = self._opening.pins(versions.pins)
        main.embedding_space.require(
            profiles.describe().embedding_space, ours="the pin artefact", theirs="the profile store"
        )
        if main is not served.main:
            self._cache.expect(main.version)
            self._warm(Served(main=main, pins=main, profiles=profiles), before.pins)
        self._change(main, profiles)
        if main is not served.main:
            self._cache.keep_only(main.version)
            let_pages_go(self._root / before.pins)
        log.info("swapped", pins_version=versions.pins, profiles_version=versions.profiles)

    def _change(self, main: PinView, profiles: ProfileReader) -> None:
        """Serve these with what was added to the pins, at once: no answer is without it."""
        with self._changing:
            before = self._served, self._side
            try:
                if main is self._served.main:
                    self._take(replace(self._served, profiles=profiles))
                else:
                    self._served = Served(main=main, pins=main, profiles=profiles)
                    self._side = self._follower(main)
                    self._take_with_side()
            except BaseException:
                self._served, self._side = before
                raise

    def _follower(self, main: PinView) -> SideFollower:
        return SideFollower(
            self._root, main, self._add, count_refused=lambda: self._count_refused(Artefact.SIDE)
        )

    def _take_with_side(self) -> None:
        self._side.poll()
        if self._served.pins is self._served.main:
            self._take(self._served)

    def _add(self, pins: PinView) -> None:
        self._take(replace(self._served, pins=pins))

    def _take(self, served: Served) -> None:
        self._place(served, self._build(served))
        self._served = served

    def _warm(self, served: Served, hot_of: str) -> None:
        """Fetch the lists that are asked for most, so that the new version begins as warm as the old one."""
        retrieval, end_s = self._build(served).retrieval, time.monotonic() + self._warming.seconds
        hottest = self._cache.hottest(hot_of)
        left, n_warmed = iter(hottest.items()), 0
        while some := list(islice(left, self._warming.at_once)):
            began_s = time.monotonic()
            if began_s >= end_s:
                break
            n_warmed += _fetch(retrieval, served.main, some)
            time.sleep((time.monotonic() - began_s) * (1 / self._warming.share - 1))
        log.info("warmed", pins_version=served.main.version, lists=n_warmed, of=len(hottest))

    def _tell(self, versions: Versions, problem: str) -> None:
        self._count_refused(self._changed(versions))
        log.error("version not taken, what was served still is", problem=problem)

    def _changed(self, versions: Versions) -> Artefact:
        return Artefact.PINS if versions.pins != self.versions.pins else Artefact.PROFILES


def _fetch(retrieval: Retrieval, pins: PinView, hottest: Sequence[tuple[bytes, int]]) -> int:
    """Fetch lists into the cache; how many, since not all medoids are in every version."""
    pin_ids = [pin_id_of(medoid) for medoid, _ in hottest]
    rows = pins.rows(pin_ids).tolist()
    by_length: dict[int, list[Medoid]] = {}
    for pin_id, (_, wanted), row in zip(pin_ids, hottest, rows, strict=True):
        if row != NO_ROW:
            by_length.setdefault(wanted, []).append((pin_id, row))
    for wanted, medoids in by_length.items():
        retrieval.warm(medoids, wanted)
    return sum(map(len, by_length.values()))
