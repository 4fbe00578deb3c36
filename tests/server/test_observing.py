"""Answers looked at again: the recall that callers really got, and what each filter took."""

import errno
import threading
import time
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pinnersage.v1 import recommender_pb2 as pb
from server.background import Background
from server.calls import Call
from server.candidate_cache import CandidateCache
from server.deadlines import Deadline
from server.filling import Filling
from server.filter_meter import FilterMeter
from server.filtering import FilteredRetrieval
from server.metrics import Metrics
from server.metrics_catalogue import Dropped, ProfileUse
from server.observing import Observation, Observed, Observer
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.recall_meter import RecallMeter, RecallPolicy
from server.recommending import Recommender
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.servicer import Servicer
from server.users import ServedProfiles
from server.validation import Defaults, Options
from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.hnsw import Hnsw, HnswSearch
from storage.pins.memory import InMemoryPins
from storage.pins.port import PinView
from storage.pins.scoring import exact_search
from tests.server.world import CUT_S, People, default_people, make_pins
from tests.waiting import HANG_S

NOT_STOPPING = threading.Event()
AT_ONCE = RecallPolicy(bytes_per_s=float("inf"))


class Kept:
    """Background work that keeps what it is given."""

    def __init__(self) -> None:
        self.items: list[Observed] = []
        self.n_dropped = 0

    def do(self, item: Observed, stopping: threading.Event) -> None:
        self.items.append(item)

    def pause(self) -> None: ...

    def end(self) -> None: ...

    def dropped(self) -> None:
        self.n_dropped += 1


def recommender_of(pins: PinView, people: People, *, ef_search: int = 64) -> Recommender:
    """The stages over some pins and people."""
    metrics = Metrics(CollectorRegistry())
    cache = CandidateCache(100_000_000)
    retrieval = Retrieval(pins, cache, ef_search=ef_search, perplexity=60.0, metrics=metrics)
    filtering = FilteredRetrieval(pins, retrieval, ef_search=ef_search, metrics=metrics)
    source = ProfileSource(people.store(), pins, metrics)
    return Recommender(
        pins=pins,
        profiles=source,
        users=ServedProfiles(source, ProfileCache(1_000_000)),
        sampler=Sampler(1),
        filling=Filling(pins=pins, retrieval=retrieval, filtering=filtering, metrics=metrics),
        metrics=metrics,
        popular=None,
        clock=lambda: CUT_S,
    )


def observed(recommender: Recommender, request: pb.RecommendRequest) -> Observed:
    """The answer to a request, as an observer of everything is given it, who keeps it no longer."""
    kept = Kept()
    observer = Observer([Observation(1.0, AtOnce(kept))], clock=lambda: 5.0)
    servicer = Servicer(recommender, Defaults(), observer)
    sent = servicer.recommend(request.SerializeToString(), Call("page-7", "Recommend", Deadline()))
    item = kept.items.pop()
    assert (item.sent, kept.items) == (sent, [])
    return item


class AtOnce(Background[Observed]):
    """Works where others would wait for a thread."""

    def __init__(self, work: Kept) -> None:
        super().__init__(work, name="at-once", capacity=1)
        self._kept = work

    def offer(self, item: Observed) -> None:
        self._kept.do(item, NOT_STOPPING)


class RoughlySearched(InMemoryPins):
    """Pins behind a graph that is too thin for them: what it finds depends on efSearch."""

    def __init__(self, n: int, d: int) -> None:
        vectors = np.random.default_rng(3).standard_normal((n, d))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        pin_ids = [f"pin-{at}" for at in range(n)]
        super().__init__(pin_ids, vectors.astype(np.float16), embedding_space=EmbeddingSpace("random-1", d))
        index = Hnsw.empty(d, m=4, ef_construction=10)
        index.add(self.embeddings, threads=1)
        self._graph = HnswSearch(index, self.embeddings)

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return self._graph.search(queries, k, ef_search=ef_search)


def true_recall(pins: RoughlySearched, medoids: list[int], ef_search: int) -> float:
    """Of the 200 nearest of each medoid, the share found, counted by rows."""
    queries = pins.embeddings[np.array(medoids)]
    _, found = pins.search(queries, 200, ef_search=ef_search)
    _, true = exact_search(queries, pins.embeddings, 200)
    return float(np.mean([len(np.intersect1d(*pair)) / 200 for pair in zip(found, true, strict=True)]))


def measured(pins: PinView, people: People, ef_search: int, **options: Any) -> tuple[Metrics, RecallMeter]:
    recommender = recommender_of(pins, people, ef_search=ef_search)
    meter = RecallMeter(recommender.metrics, AT_ONCE)
    measure(meter, observed(recommender, pb.RecommendRequest(user_id="ann", **options)))
    return recommender.metrics, meter


def measure(meter: RecallMeter, *items: Observed, blocks: int = 10) -> None:
    """Have them sampled, and then so many blocks read: all of any pool here."""
    for item in items:
        meter.do(item, NOT_STOPPING)
    for _ in range(blocks):
        meter.pause()


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_recall_gauge_falls_with_ef_search() -> None:
    """It is what the lists served really hold of the true nearest, for whatever efSearch they were found."""
    pins, medoids = RoughlySearched(3_000, 24), [0, 1_000, 2_000]
    people = People(shares={"ann": {f"pin-{at}": 1.0 for at in medoids}})
    gauges = {}
    for ef_search in (200, 3_000):
        metrics, _ = measured(pins, people, ef_search)
        gauges[ef_search] = sample(metrics, "pinnersage_recall") or 0
        assert gauges[ef_search] == pytest.approx(true_recall(pins, medoids, ef_search))
        assert sample(metrics, "pinnersage_recall_samples") == 3

    assert gauges[200] < 0.9 < gauges[3_000]


def test_exact_lists_have_a_recall_of_1() -> None:
    """Also where the pool is smaller than k, where near-duplicates tie, and for answers of all medoids."""
    metrics, _ = measured(make_pins(), default_people(), 64)
    fused, _ = measured(make_pins(), default_people(), 64, merge_policy=pb.MERGE_POLICY_FUSED)

    assert sample(metrics, "pinnersage_recall") == sample(fused, "pinnersage_recall") == 1
    assert sample(metrics, "pinnersage_recall_measurements_total", result="done") == 1


def test_the_gauge_forgets() -> None:
    """Old lists leave the window, so that the gauge shows what is served now."""
    people = People(shares={"ann": {"pin-0": 1.0}})
    recommender = recommender_of(RoughlySearched(3_000, 24), people, ef_search=200)
    meter = RecallMeter(recommender.metrics, replace(AT_ONCE, window=4))
    item = observed(recommender, pb.RecommendRequest(user_id="ann"))
    measure(meter, item, item, item, item)
    poor = sample(recommender.metrics, "pinnersage_recall") or 0
    good = recommender_of(make_pins(), default_people())
    ann = observed(good, pb.RecommendRequest(user_id="ann"))
    measure(meter, ann, ann)

    assert poor < 1
    assert sample(recommender.metrics, "pinnersage_recall_samples") == 4
    assert sample(recommender.metrics, "pinnersage_recall") == 1


def test_what_is_not_in_the_cache_is_not_measured() -> None:
    """A list that is gone counts as dropped, an answer without lists as nothing; no recall is shown."""
    recommender = recommender_of(make_pins(), default_people())
    meter = RecallMeter(recommender.metrics, AT_ONCE)
    item = observed(recommender, pb.RecommendRequest(user_id="ann"))
    elsewhere = recommender_of(make_pins(), default_people())
    nobody = observed(recommender, pb.RecommendRequest(user_id="nobody"))
    measure(meter, replace(item, recommender=elsewhere), nobody)

    assert sample(recommender.metrics, "pinnersage_recall_measurements_total", result="dropped") == 1
    assert sample(recommender.metrics, "pinnersage_recall") is None


def test_one_pass_measures_all_that_were_sampled_before_it() -> None:
    """As many lists as it has room for; each finds what it would find alone, and the rest is dropped."""
    pins, medoids = RoughlySearched(3_000, 24), np.arange(27).reshape(9, 3)
    people = People(
        shares={f"user-{n}": {f"pin-{at}": 1.0 for at in own} for n, own in enumerate(medoids.tolist())}
    )
    recommender = recommender_of(pins, people, ef_search=200)
    meter = RecallMeter(recommender.metrics, replace(AT_ONCE, lists_of_a_pass=25))
    items = [observed(recommender, pb.RecommendRequest(user_id=f"user-{n}")) for n in range(9)]
    measure(meter, *items, blocks=2)

    counted = "pinnersage_recall_measurements_total"
    assert sample(recommender.metrics, counted, result="done") == 8
    assert sample(recommender.metrics, counted, result="dropped") == 1
    assert sample(recommender.metrics, "pinnersage_recall") == pytest.approx(
        true_recall(pins, medoids[:8].ravel().tolist(), 200)
    )


def test_what_is_sampled_during_a_pass_waits_for_the_next() -> None:
    """The blocks that were read before know nothing of it."""
    recommender = recommender_of(RoughlySearched(3_000, 24), People(shares={"ann": {"pin-0": 1.0}}))
    meter = RecallMeter(recommender.metrics, AT_ONCE)
    item = observed(recommender, pb.RecommendRequest(user_id="ann"))
    samples = []
    for _ in range(2):
        measure(meter, item, blocks=1)
        samples.append(sample(recommender.metrics, "pinnersage_recall_samples"))
    measure(meter, blocks=2)

    assert [*samples, sample(recommender.metrics, "pinnersage_recall_samples")] == [0, 1, 2]


def test_a_replaced_version_is_let_go_with_the_first_answer_of_the_next() -> None:
    """Half a pass is dropped, and who waited for one: nothing keeps the old artefact open."""
    people = People(shares={"ann": {"pin-0": 1.0}})
    old = recommender_of(RoughlySearched(3_000, 24), people)
    meter = RecallMeter(old.metrics, AT_ONCE)
    item = observed(old, pb.RecommendRequest(user_id="ann"))
    measure(meter, item, blocks=1)
    meter.do(item, NOT_STOPPING)
    pins = weakref.ref(old.pins)
    new = recommender_of(make_pins(version="000002-test"), default_people())
    measure(meter, observed(new, pb.RecommendRequest(user_id="ann")))

    assert sample(old.metrics, "pinnersage_recall_measurements_total", result="dropped") == 2
    assert sample(old.metrics, "pinnersage_recall") == 1
    del old, item
    assert pins() is None


def test_the_pool_is_read_no_faster_than_the_policy_has_it() -> None:
    """A block, and then none until the time is over that its bytes take."""
    recommender = recommender_of(RoughlySearched(5_000, 24), People(shares={"ann": {"pin-0": 1.0}}))
    now_s = [0.0]
    policy = RecallPolicy(bytes_per_s=2_048 * 24 * 2)
    meter = RecallMeter(recommender.metrics, policy, clock=lambda: now_s[0])
    meter.do(observed(recommender, pb.RecommendRequest(user_id="ann")), NOT_STOPPING)
    done_s = []
    for now_s[0] in np.arange(0, 4, 0.25).tolist():
        meter.pause()
        if sample(recommender.metrics, "pinnersage_recall_samples"):
            done_s.append(now_s[0])

    assert done_s[0] == 2


def test_a_measurement_gives_way_to_the_end() -> None:
    """A server that stops does not wait until the whole pool is read: what is half measured is dropped."""
    recommender = recommender_of(RoughlySearched(3_000, 24), People(shares={"ann": {"pin-0": 1.0}}))
    meter = RecallMeter(recommender.metrics, AT_ONCE)
    item = observed(recommender, pb.RecommendRequest(user_id="ann"))
    measure(meter, item, blocks=1)
    meter.do(item, NOT_STOPPING)
    meter.end()

    assert sample(recommender.metrics, "pinnersage_recall_measurements_total", result="dropped") == 2


def dropped(request: pb.RecommendRequest) -> dict[str, float]:
    """What the filters took of an answer's lists, and how many there were before."""
    recommender = recommender_of(make_pins(), default_people())
    FilterMeter(recommender.metrics).do(observed(recommender, request), NOT_STOPPING)
    name = "pinnersage_observed_candidates_dropped_total"
    counts = {each.value: sample(recommender.metrics, name, filter=each.value) or 0 for each in Dropped}
    before = sample(recommender.metrics, "pinnersage_observed_candidates_before_total") or 0
    return {key: count for key, count in counts.items() if count} | {"before": before}


def test_what_each_filter_took_is_told_apart() -> None:
    """Ann has seen cat-0, cat-1 (as its twin), car-0 and car-2; of several filters the first counts."""
    # Both lists hold all 180 pins.
    assert dropped(pb.RecommendRequest(user_id="ann")) == {"before": 360, "seen": 8}
    excluding = pb.RecommendRequest(user_id="ann", exclude_pin_ids=["cat-0", "cake-7"], min_score=0.5)
    # Of each list but 60 of its own topic all are at right angles: 120, less those dropped before.
    took = dropped(excluding)
    assert (took["seen"], took["excluded"]) == (8, 2)
    assert took["before"] - took["seen"] - took["excluded"] - took["min_score"] == len(
        recommender_of(make_pins(), default_people())
        .for_user("ann", Options(excluded=hash_ids(["cat-0", "cake-7"]), min_score=0.5), Deadline())
        .selection
    )


def test_an_answer_without_a_user_is_not_counted() -> None:
    """Requests by pins have no profile to count by."""
    recommender = recommender_of(make_pins(), default_people())
    item = observed(recommender, pb.RecommendRequest(user_id="ann"))
    FilterMeter(recommender.metrics).do(replace(item, user_id=""), NOT_STOPPING)

    assert sample(recommender.metrics, "pinnersage_observed_candidates_before_total") == 0


def test_looking_again_is_no_look_up_of_a_call() -> None:
    """What is counted of profiles is what calls asked for: meters would blur the share of the cache."""
    recommender = recommender_of(make_pins(), default_people())
    known = observed(recommender, pb.RecommendRequest(user_id="ann"))
    unknown = observed(recommender, pb.RecommendRequest(user_id="nobody"))
    meter = FilterMeter(recommender.metrics)
    for item in (known, unknown):
        meter.do(item, NOT_STOPPING)

    lookups = "pinnersage_profile_lookups_total"
    counts = {use: sample(recommender.metrics, lookups, result=use) for use in ProfileUse}
    assert {use: n for use, n in counts.items() if n} == {ProfileUse.PARSED: 1, ProfileUse.UNKNOWN: 1}


def test_each_observer_has_its_share() -> None:
    """Each is handed about its share of many answers; those of a small share are among those of a larger."""
    few, many = Kept(), Kept()
    observer = Observer([Observation(0.1, AtOnce(few)), Observation(0.5, AtOnce(many))])
    recommender = recommender_of(make_pins(), default_people())
    for n in range(4_000):
        observer.saw(recommender, "Recommend", str(n), Options(), b"")

    assert abs(len(few.items) - 400) < 5 * (4_000 * 0.1 * 0.9) ** 0.5
    assert abs(len(many.items) - 2_000) < 5 * (4_000 * 0.25) ** 0.5
    assert {item.user_id for item in few.items} <= {item.user_id for item in many.items}


def test_background_work_is_done_in_order_and_to_the_end() -> None:
    """What was offered is worked on, one after the other, before the thread ends."""
    work = Kept()
    background = Background[Observed](work, name="test", capacity=10)
    item = observed(recommender_of(make_pins(), default_people()), pb.RecommendRequest(user_id="ann"))
    items = [replace(item, time_s=n) for n in range(5)]
    for each in items:
        background.offer(each)
    background.start()
    assert background.stop(time.monotonic() + HANG_S)

    assert [each.time_s for each in work.items] == [0, 1, 2, 3, 4]


def test_what_finds_no_room_is_dropped_not_waited_for() -> None:
    """A queue that is full takes nothing more, and says so."""
    work = Kept()
    background = Background[Observed](work, name="test", capacity=2)
    item = observed(recommender_of(make_pins(), default_people()), pb.RecommendRequest(user_id="ann"))
    for _ in range(5):
        background.offer(item)

    assert work.n_dropped == 3


class Failing(Kept):
    """Fails in the steps that a test names; in `do` at the first item only."""

    def __init__(self, *fails: str) -> None:
        super().__init__()
        self._fails, self.has_ended = fails, False

    def do(self, item: Observed, stopping: threading.Event) -> None:
        self._fail("do" if item.time_s == 0 else "")
        super().do(item, stopping)

    def pause(self) -> None:
        self._fail("pause")

    def dropped(self) -> None:
        super().dropped()
        self._fail("dropped")

    def end(self) -> None:
        self.has_ended = True
        self._fail("end")

    def _fail(self, step: str) -> None:
        if step in self._fails:
            raise OSError(errno.EROFS, "a disk that can only be read")


@pytest.mark.parametrize(
    ("fails", "done", "n_said"),
    [
        (["do"], [1, 2], 1),
        (["do", "dropped"], [1, 2], 2),
        # Said once, not a few times a second.
        (["pause"], [0, 1, 2], 1),
        (["end"], [0, 1, 2], 1),
    ],
)
def test_work_that_fails_does_not_end_the_thread(fails: list[str], done: list[int], n_said: int) -> None:
    """The next item comes all the same, and one that failed counts as dropped."""
    work = Failing(*fails)
    background = Background[Observed](work, name="test", capacity=10)
    item = observed(recommender_of(make_pins(), default_people()), pb.RecommendRequest(user_id="ann"))
    with capture_logs() as logs:
        for n in range(3):
            background.offer(replace(item, time_s=n))
        background.start()
        assert background.stop(time.monotonic() + HANG_S)

    assert [each.time_s for each in work.items] == done
    assert work.n_dropped == 3 - len(done)
    assert work.has_ended
    assert [line["event"] for line in logs] == ["background work failed"] * n_said
