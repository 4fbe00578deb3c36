"""New versions under way: no call fails, no answer is of two, the old one is given back."""

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import Wired, wire
from server.bootstrap_metrics import build_metrics
from server.metrics_catalogue import FOLLOWED
from server.ports import Ports
from server.swapping import Opening
from server.vouching import Versions
from storage.errors import DamagedArtefactError
from storage.pins.memory import InMemoryPins
from storage.pins.port import PinView
from storage.pins.takedown import Block
from storage.pins.takedown_writing import block
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from storage.profiles.store import ProfileReader
from tests.server.conftest import IN_MEMORY, settings
from tests.server.test_following import publish, side_rows
from tests.server.world import default_people, describe, make_pins, make_profile
from tests.waiting import HANG_S, wait_until

OLD, NEW, PEOPLE = "000001-test", "000002-test", "000007-test"
BEN = pb.RecommendRequest(user_id="ben", seed=7)


def new_pins() -> InMemoryPins:
    """The cats and cakes of the new version are fewer, and its cars are gone."""
    return make_pins(topics=("cat", "cake"), n=20, version=NEW)


class Store:
    """What can be opened, by version."""

    def __init__(self) -> None:
        self.pins: dict[str, InMemoryPins] = {NEW: new_pins()}
        self.profiles: dict[str, InMemoryProfiles] = {}

    def open_pins(self, version: str) -> PinView:
        if version not in self.pins:
            raise DamagedArtefactError(f"{version} is damaged")
        return self.pins[version]

    def open_profiles(self, version: str) -> ProfileReader:
        return self.profiles[version]


@contextmanager
def served(
    store: Store | None = None, *, root: Path = IN_MEMORY, people: InMemoryProfiles | None = None
) -> Iterator[tuple[Wired, RecommenderStub]]:
    """A server of the old version that can be told to serve others."""
    store, chosen = store or Store(), settings(pins=root)
    opening = Opening(pins=store.open_pins, profiles=store.open_profiles)
    profiles = people or default_people().store()
    wired = wire(make_pins(version=OLD), profiles, chosen, build_metrics(chosen), opening)
    port = wired.server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield wired, RecommenderStub(channel)
    wired.server.stop(grace_s=1)


def names(answer: pb.RecommendResponse) -> set[str]:
    return {each.pin_id for each in answer.candidates}


def test_the_next_call_is_answered_by_the_new_version() -> None:
    """Its candidates and its name; and back again."""
    store = Store()
    store.pins[OLD] = make_pins(version=OLD)
    with served(store) as (wired, stub):
        for version, n_cats in ((NEW, 19), (OLD, 59)):
            wired.exchange.swap(Versions(version, PEOPLE))
            answer = stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-0", min_score=0.5))
            assert answer.artefact_version == version
            assert len(answer.candidates) == n_cats
            assert wired.exchange.versions == Versions(version, PEOPLE)


def test_lists_of_a_version_that_is_served_again_are_kept() -> None:
    """It was dropped from the cache before; it is warmed, and what is searched for later is kept, too."""
    store, request = Store(), pb.SimilarPinsRequest(pin_id="cat-0")
    store.pins[OLD] = make_pins(version=OLD)
    with served(store) as (wired, stub):
        for version in (NEW, OLD):
            stub.SimilarPins(request)
            wired.exchange.swap(Versions(version, PEOPLE))
            assert stub.SimilarPins(request).cache_hit
        later = pb.SimilarPinsRequest(pin_id="cat-1")
        assert [stub.SimilarPins(later).cache_hit for _ in range(2)] == [False, True]


def test_no_answer_is_of_two_versions() -> None:
    """Swapped back and forth under load: every answer has all of its version's candidates, and no others."""
    store = Store()
    store.pins[OLD] = make_pins(version=OLD)
    expected, done = dict[str, set[str]](), threading.Event()
    answers: list[list[tuple[str, set[str]]]] = [[] for _ in range(3)]

    def ask(stub: RecommenderStub, into: list[tuple[str, set[str]]]) -> None:
        while not done.is_set():
            answer = stub.Recommend(BEN, timeout=HANG_S)
            into.append((answer.artefact_version, names(answer)))

    def wait_for_another() -> None:
        n_before = sum(map(len, answers))
        wait_until(lambda: sum(map(len, answers)) > n_before)

    with served(store) as (wired, stub):
        for version in (NEW, OLD):
            wired.exchange.swap(Versions(version, PEOPLE))
            expected[version] = names(stub.Recommend(BEN))
        asking = [threading.Thread(target=ask, args=(stub, into)) for into in answers]
        for thread in asking:
            thread.start()
        for at in range(20):
            wired.exchange.swap(Versions((NEW, OLD)[at % 2], PEOPLE))
            wait_for_another()
        wait_until(lambda: all(answers))
        done.set()
        for thread in asking:
            thread.join(HANG_S)

    assert expected[OLD] > expected[NEW]
    assert all(found == expected[version] for each in answers for version, found in each)


class HeldPeople(InMemoryProfiles):
    """Holds whoever asks for the last of a batch, until the test lets go."""

    def __init__(self) -> None:
        super().__init__(describe())
        self.reached, self.let_go = threading.Event(), threading.Event()

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        if user_id == "held":
            self.reached.set()
            assert self.let_go.wait(HANG_S)
        return super().read(user_id, held)


def test_a_batch_is_answered_by_the_version_it_began_with() -> None:
    """To its last user, whatever is served meanwhile."""
    store = HeldPeople()
    with served(people=store) as (wired, stub):
        stream = stub.RecommendBatch(
            pb.RecommendBatchRequest(user_ids=["ben", "held", "ann"]), timeout=HANG_S
        )
        assert store.reached.wait(HANG_S)
        wired.exchange.swap(Versions(NEW, PEOPLE))
        store.let_go.set()
        results = [each for message in stream for each in message.results]
        assert [each.user_id for each in results] == ["ben", "held", "ann"]
        assert {each.recommendation.artefact_version for each in results} == {OLD}
        assert stub.Recommend(BEN).artefact_version == NEW


def test_the_old_version_is_given_back_with_its_last_call() -> None:
    """Not before, and without the garbage collector."""
    store = Store()
    first = new_pins()
    store.pins = {NEW: first, "000003-test": make_pins(version="000003-test")}
    known = weakref.ref(first)
    with served(store) as (wired, stub):
        wired.exchange.swap(Versions(NEW, PEOPLE))
        stub.Recommend(BEN)
        del first, store.pins[NEW]
        gc.collect()
        gc.disable()
        try:
            assert known() is not None
            wired.exchange.swap(Versions("000003-test", PEOPLE))
            # The thread of its last call may not have let go of it when that is answered.
            wait_until(lambda: known() is None)
            assert stub.Recommend(BEN).artefact_version == "000003-test"
        finally:
            gc.enable()


def test_a_new_version_begins_warm() -> None:
    """The lists asked for last are there when the first caller comes; those of the old version are gone."""
    with served() as (wired, stub):
        stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-3"))
        stub.SimilarPins(pb.SimilarPinsRequest(pin_id="car-3"))
        wired.exchange.swap(Versions(NEW, PEOPLE))
        assert stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-3")).cache_hit
        assert not stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cake-3")).cache_hit
        text = wired.server.registry.get_sample_value("pinnersage_candidate_cache_entries")
        assert text == 2


def is_refused(wired: Wired) -> dict[str, float | None]:
    value = wired.server.registry.get_sample_value
    return {each: value("pinnersage_version_refused", {"artefact": each}) for each in FOLLOWED}


def test_what_cannot_be_opened_is_not_served() -> None:
    """The old version goes on, the reason is said once, and the next good one is taken."""
    with served() as (wired, stub):
        with capture_logs() as logs:
            for _ in range(3):
                wired.exchange.swap(Versions("000009-test", PEOPLE))
        assert stub.Recommend(BEN).artefact_version == OLD
        assert [each["problem"] for each in logs if each["log_level"] == "error"] == [
            "000009-test is damaged"
        ]
        refused = wired.server.registry.get_sample_value(
            "pinnersage_refused_versions_total", {"artefact": "pins"}
        )
        assert refused == 1
        assert is_refused(wired) == {"pins": 1, "profiles": 0}
        wired.exchange.swap(Versions(NEW, PEOPLE))
        assert stub.Recommend(BEN).artefact_version == NEW
        assert is_refused(wired) == {"pins": 0, "profiles": 0}


def test_new_profiles_are_served() -> None:
    """Users of the new batch are known, those of the old one no longer; the pins are the same."""
    store = Store()
    batch = replace(describe(), version="000008-test")
    store.profiles[batch.version] = InMemoryProfiles(batch, profiles=[make_profile("zoe", {"cake-0": 1.0})])
    with served(store) as (wired, stub):
        wired.exchange.swap(Versions(OLD, "000008-test"))
        answer = stub.Recommend(pb.RecommendRequest(user_id="zoe"))
        assert answer.artefact_version == OLD
        assert "cake-1" in names(answer)
        assert stub.Recommend(BEN).reason == pb.ANSWER_REASON_UNKNOWN_USER


def test_added_pins_follow_the_version_they_stand_beside(tmp_path: Path) -> None:
    """A version is served with its own from its first answer on."""
    rows = side_rows([0.5])
    publish(tmp_path, rows)
    with served(root=tmp_path) as (wired, stub):
        assert "new-0" in names(stub.Recommend(BEN))
        wired.exchange.swap(Versions(NEW, PEOPLE))
        assert "new-0" not in names(stub.Recommend(BEN))


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_taken_down_stays_down(tmp_path: Path, when: str) -> None:
    """Blocked before the swap or after it, a pin of the new version is not shown."""
    with served(root=tmp_path) as (wired, stub):
        if when == "before":
            block(tmp_path, [Block("cat-2")])
            wait_until_gone(stub, "cat-2")
        wired.exchange.swap(Versions(NEW, PEOPLE))
        if when == "after":
            block(tmp_path, [Block("cat-2")])
            wait_until_gone(stub, "cat-2")
        answer = stub.Recommend(BEN)
        assert answer.artefact_version == NEW
        assert "cat-2" not in names(answer)
        assert "cat-3" in names(answer)


def wait_until_gone(stub: RecommenderStub, pin_id: str) -> None:
    # The server looks at the list by itself.
    wait_until(lambda: pin_id not in names(stub.Recommend(BEN, timeout=HANG_S)))
