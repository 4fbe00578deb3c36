"""What is taken down is shown to nobody, by no method, from a few seconds after it was blocked."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.metrics import Metrics
from server.ports import Ports
from server.settings import Fallback
from server.takedown import Takedown, blocked_rows
from storage.errors import TakedownError
from storage.pins.takedown import FILE, Block, TakedownList
from storage.pins.takedown_writing import block, unblock
from tests.server.conftest import Serve, settings
from tests.server.world import CUT_S, DAY_S, People, default_people, make_interests, make_online, make_pins
from tests.waiting import wait_until

POLICIES = (pb.MERGE_POLICY_INTERLEAVED, pb.MERGE_POLICY_FUSED)
ALL = 1_000


def names(candidates: Iterable[pb.Candidate]) -> list[str]:
    return [each.pin_id for each in candidates]


def medoids_shown(answer: pb.RecommendResponse | pb.RecommendForPinsResponse) -> set[str]:
    """Every pin that stands for anything in an answer."""
    interests = {each.medoid_pin_id for each in answer.interests}
    further = {medoid.pin_id for each in answer.interests for medoid in each.medoids}
    return interests | further | {each.medoid_pin_id for each in answer.candidates}


def listed(*pin_ids: str, only: bool = False) -> TakedownList:
    return TakedownList(tuple(Block(pin_id, only) for pin_id in pin_ids))


class TestRows:
    """The list in terms of an artefact in which cat-1 (row 1) stands for cat-twin, nobody for blurred."""

    @pytest.mark.parametrize(
        ("takedown", "expected"),
        [
            (listed("cat-1"), ["cat-1", "cat-twin"]),
            (listed("cat-twin"), ["cat-1", "cat-twin"]),
            (listed("cat-1", only=True), ["cat-1"]),
            (listed("cat-twin", only=True), ["cat-twin"]),
            (listed("blurred"), ["blurred"]),
            (listed("no-such-pin", "car-0"), ["car-0"]),
        ],
    )
    def test_a_pin_is_blocked_with_its_group_or_alone(
        self, takedown: TakedownList, expected: list[str]
    ) -> None:
        """Whichever of the group is named; unknown pins hide nobody."""
        pins = make_pins()
        blocked = blocked_rows(takedown, pins)
        assert blocked.mask is not None
        assert sorted(pins.pin_ids(np.flatnonzero(blocked.mask))) == sorted(expected)

    def test_a_list_of_unknown_pins_costs_nothing(self) -> None:
        """There is no mask to look anything up in; they are counted."""
        blocked = blocked_rows(listed("gone-1", "gone-2"), make_pins())
        assert (blocked.mask, blocked.listed, blocked.unknown) == (None, 2, 2)


class TestServing:
    """A server that starts with a list."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Blocked: cat-2; cake-3 alone; cat-twin, and so cat-1 that stands for it."""
        block(tmp_path, [Block("cat-2"), Block("cake-3", only=True), Block("cat-twin"), Block("no-such-pin")])
        return tmp_path

    @pytest.fixture
    def stub(self, serve: Serve, root: Path) -> RecommenderStub:
        return serve(root=root)

    @pytest.mark.parametrize("policy", POLICIES)
    def test_a_blocked_pin_is_no_candidate(
        self, stub: RecommenderStub, policy: "pb.MergePolicy.ValueType"
    ) -> None:
        """Nor is the pin that stands for its near-duplicates; the next nearest move up, the count is kept."""
        answer = stub.Recommend(pb.RecommendRequest(user_id="ben", max_candidates=100, merge_policy=policy))
        assert {"cat-1", "cat-2", "cake-3"}.isdisjoint(names(answer.candidates))
        assert {"cat-3", "cake-2", "cake-4"} <= set(names(answer.candidates))
        assert len(answer.candidates) == 100

    @pytest.mark.parametrize("policy", POLICIES)
    def test_every_list_is_filtered_from_the_same_cache(
        self, stub: RecommenderStub, serve: Serve, policy: "pb.MergePolicy.ValueType"
    ) -> None:
        """A cached list answers as a new one does: as without any takedown, but for what is blocked."""
        request = pb.RecommendRequest(user_id="ben", max_candidates=ALL, merge_policy=policy)
        first, again = stub.Recommend(request), stub.Recommend(request)
        assert all(each.cache_hit for each in again.interests)
        assert names(first.candidates) == names(again.candidates)
        everything = names(serve().Recommend(request).candidates)
        assert set(everything) - set(names(again.candidates)) == {"cat-1", "cat-2", "cake-3"}

    def test_batches_and_recent_pins_are_filtered_too(self, stub: RecommenderStub) -> None:
        """Every method that names candidates."""
        batch = stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ben", "ann"], max_candidates=ALL))
        users = [user.recommendation for message in batch for user in message.results]
        recent = stub.RecommendForPins(
            pb.RecommendForPinsRequest(pins=[pb.RecentPin(pin_id="cat-9")], max_candidates=ALL)
        )
        similar = stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-0", max_candidates=ALL))
        for found in (*(each.candidates for each in users), recent.candidates, similar.candidates):
            assert "cat-3" in names(found)
            assert {"cat-1", "cat-2", "cake-3"}.isdisjoint(names(found))

    @pytest.mark.parametrize("policy", POLICIES)
    def test_recent_pins_that_are_blocked_make_no_interest(
        self, stub: RecommenderStub, policy: "pb.MergePolicy.ValueType"
    ) -> None:
        """They are passed over like unknown ones, and counted with them."""
        pins = [pb.RecentPin(pin_id=pin_id) for pin_id in ("cat-1", "cat-twin", "car-0", "no-such-pin")]
        answer = stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pins, merge_policy=policy))
        assert medoids_shown(answer) == {"car-0"}
        assert answer.unknown_pins == 3

    def test_nobody_finds_what_is_like_a_blocked_pin(self, stub: RecommenderStub) -> None:
        """NOT_FOUND, with the reason."""
        with pytest.raises(grpc.RpcError) as refusal:
            stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-twin"))
        assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
        assert refusal.value.details() == "pin_id: pin 'cat-twin' is blocked"

    def test_a_blocked_pin_is_described_as_that_and_no_more(self, stub: RecommenderStub) -> None:
        """Neither its title nor who stands for it is told; the others are described as ever."""
        answer = stub.GetPins(pb.GetPinsRequest(pin_ids=["cat-1", "cat-3", "no-such-pin"]))
        assert list(answer.pins) == [
            pb.Pin(pin_id="cat-1", blocked=True),
            pb.Pin(pin_id="cat-3", title="Title of cat-3", representative_pin_id="cat-3", indexed=True),
        ]
        assert list(answer.unknown_pin_ids) == ["no-such-pin"]

    def test_the_fallback_is_filtered(self, serve: Serve, tmp_path: Path) -> None:
        """Popular pins are encoded once, at the start, and filtered whenever they are shown."""
        block(tmp_path, [Block("cat-3")])
        stub = serve(root=tmp_path, fallback=Fallback.POPULAR)
        assert names(stub.Recommend(pb.RecommendRequest(user_id="nobody")).candidates) == ["car-3"]


class TestInterests:
    """Users whose interests are named by what is taken down."""

    @pytest.fixture
    def people(self) -> People:
        """Ben's cats are stood for by cat-0 and cat-5, his cakes by cake-0 alone."""
        people = default_people()
        people.medoids["ben"] = {"cat-0": (6.0, 0), "cat-5": (3.0, 0), "cake-0": (1.0, 1)}
        return people

    @pytest.mark.parametrize("policy", POLICIES)
    def test_another_pin_stands_in_for_a_blocked_medoid(
        self, serve: Serve, people: People, tmp_path: Path, policy: "pb.MergePolicy.ValueType"
    ) -> None:
        """An interest with a further pin of its own is not lost: that pin names it."""
        block(tmp_path, [Block("cat-0")])
        stub = serve(profiles=people.store(), root=tmp_path)
        answer = stub.Recommend(pb.RecommendRequest(user_id="ben", merge_policy=policy))
        assert medoids_shown(answer) == {"cat-5", "cake-0"}
        profile = stub.GetProfile(pb.GetProfileRequest(user_id="ben"))
        assert [each.medoid_pin_id for each in profile.interests] == ["cat-5", "cake-0"]
        assert not any(each.blocked for each in profile.interests)

    @pytest.mark.parametrize("policy", POLICIES)
    def test_an_interest_that_nobody_can_name_is_skipped(
        self, serve: Serve, people: People, tmp_path: Path, policy: "pb.MergePolicy.ValueType"
    ) -> None:
        """GetProfile shows it as blocked, without its title; the others share the importance."""
        block(tmp_path, [Block("cake-0")])
        stub = serve(profiles=people.store(), root=tmp_path)
        answer = stub.Recommend(pb.RecommendRequest(user_id="ben", merge_policy=policy))
        assert {each.medoid_pin_id for each in answer.interests} == {"cat-0"}
        cats, cakes = stub.GetProfile(pb.GetProfileRequest(user_id="ben")).interests
        assert (cats.medoid_pin_id, cats.probability, cats.blocked) == ("cat-0", 1.0, False)
        assert (cakes.medoid_pin_id, cakes.probability, cakes.title) == ("cake-0", 0.0, "")
        assert cakes.blocked
        assert cakes.in_artefact

    @pytest.mark.parametrize("policy", POLICIES)
    def test_without_any_interest_left_the_answer_says_so(
        self, serve: Serve, people: People, tmp_path: Path, policy: "pb.MergePolicy.ValueType"
    ) -> None:
        """As when the artefact has lost every medoid."""
        block(tmp_path, [Block("cat-0"), Block("cat-5"), Block("cake-0")])
        stub = serve(profiles=people.store(), root=tmp_path)
        answer = stub.Recommend(pb.RecommendRequest(user_id="ben", merge_policy=policy))
        assert answer.reason == pb.ANSWER_REASON_NO_USABLE_INTERESTS
        assert not answer.candidates

    def test_a_medoid_that_is_a_near_duplicate_goes_with_its_group(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        """A medoid refined out of the index is blocked by the pin that stands for it, not by it alone."""
        people = People(shares={"tom": {"cat-twin": 1.0}})
        block(tmp_path, [Block("cat-1", only=True)])
        request = pb.RecommendRequest(user_id="tom")
        alone = serve(profiles=people.store(), root=tmp_path).Recommend(request)
        assert medoids_shown(alone) == {"cat-twin"}
        block(tmp_path, [Block("cat-1")])
        group = serve(profiles=people.store(), root=tmp_path).Recommend(request)
        assert group.reason == pb.ANSWER_REASON_NO_USABLE_INTERESTS

    def test_online_interests_are_made_of_what_is_left(self, serve: Serve, tmp_path: Path) -> None:
        """A stored medoid that is blocked makes way: the actions are clustered again without it."""
        newest = make_online(
            "cleo",
            {"car-1": CUT_S + 60, "car-2": CUT_S + DAY_S},
            make_interests({"car-1": 2.0}),
            after_s=CUT_S,
        )
        people = People(online=[newest])
        block(tmp_path, [Block("car-1")])
        answer = serve(profiles=people.store(), root=tmp_path).Recommend(pb.RecommendRequest(user_id="cleo"))
        assert medoids_shown(answer) == {"car-2"}
        assert "car-1" not in names(answer.candidates)


class TestWatching:
    """The file as a running server meets it, one look after the other."""

    @pytest.fixture
    def metrics(self) -> Metrics:
        return Metrics(CollectorRegistry())

    @pytest.fixture
    def now_s(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def start(self, tmp_path: Path, metrics: Metrics, now_s: list[float]) -> Callable[[], Takedown]:
        def start() -> Takedown:
            takedown = Takedown(
                tmp_path, make_pins(), count_error=metrics.count_takedown_error, clock=lambda: now_s[0]
            )
            metrics.gauges.watch_takedown(takedown)
            return takedown

        return start

    @staticmethod
    def blocked_by(takedown: Takedown) -> list[str]:
        mask = takedown.blocked.mask
        return [] if mask is None else make_pins().pin_ids(np.flatnonzero(mask))

    def test_a_change_is_in_force_by_the_second_look(
        self, start: Callable[[], Takedown], tmp_path: Path
    ) -> None:
        """Both ways: blocked and unblocked, in a file that was not there at the start."""
        takedown = start()
        block(tmp_path, [Block("car-0"), Block("car-1")])
        takedown.poll()
        takedown.poll()
        assert self.blocked_by(takedown) == ["car-0", "car-1"]
        unblock(tmp_path, ["car-0"])
        takedown.poll()
        takedown.poll()
        assert self.blocked_by(takedown) == ["car-1"]
        unblock(tmp_path, ["car-1"])
        takedown.poll()
        takedown.poll()
        assert takedown.blocked.mask is None

    def test_a_file_that_is_being_written_is_not_taken(
        self, start: Callable[[], Takedown], tmp_path: Path
    ) -> None:
        """An editor may write in place and in parts; what stood still from one look to the next is whole."""
        block(tmp_path, [Block("car-0")])
        takedown = start()
        (tmp_path / FILE).write_text("car-0")
        takedown.poll()
        (tmp_path / FILE).write_text("car-0\ncar-1\nc")
        takedown.poll()
        assert self.blocked_by(takedown) == ["car-0"]
        (tmp_path / FILE).write_text("car-0\ncar-1\ncar-2\n")
        takedown.poll()
        takedown.poll()
        assert self.blocked_by(takedown) == ["car-0", "car-1", "car-2"]

    def test_a_problem_is_told_once_each_time_it_comes(
        self, start: Callable[[], Takedown], tmp_path: Path
    ) -> None:
        """Not at every look; but again when it was gone in between."""
        block(tmp_path, [Block("car-0")])
        takedown = start()
        content = (tmp_path / FILE).read_bytes()
        with capture_logs() as logs:
            for _ in ("now", "and later"):
                (tmp_path / FILE).unlink()
                for _ in range(4):
                    takedown.poll()
                (tmp_path / FILE).write_bytes(content)
                for _ in range(3):
                    takedown.poll()
        assert [each["log_level"] for each in logs] == ["error", "error"]
        assert self.blocked_by(takedown) == ["car-0"]

    def test_another_file_of_the_same_size_and_time_is_seen(
        self, start: Callable[[], Takedown], tmp_path: Path
    ) -> None:
        """`cp -p` keeps the time of what it copies."""
        (tmp_path / FILE).write_text("car-0\n")
        os.utime(tmp_path / FILE, (0, 0))
        takedown = start()
        takedown.poll()
        takedown.poll()
        (tmp_path / "other").write_text("car-1\n")
        os.utime(tmp_path / "other", (0, 0))
        (tmp_path / "other").replace(tmp_path / FILE)
        takedown.poll()
        takedown.poll()
        assert self.blocked_by(takedown) == ["car-1"]

    @pytest.mark.parametrize(
        ("spoil", "problem"),
        [
            (lambda path: path.unlink(), "has vanished. To lift all blocks, leave a comment in it."),
            (lambda path: path.write_bytes(b""), "is empty. To lift all blocks, leave a comment in it."),
            (lambda path: path.write_bytes(bytes(4096)), "no line can be read, the first because"),
            (lambda path: (path.unlink(), path.mkdir()), "cannot be read: it is not a file."),
            (lambda path: (path.unlink(), path.symlink_to(path)), "cannot be read: Too many levels"),
        ],
        ids=["vanished", "emptied", "zeroed", "a folder", "a loop"],
    )
    def test_a_broken_list_keeps_the_last_good_one(  # noqa: PLR0917 - fixtures, not a call
        self,
        start: Callable[[], Takedown],
        tmp_path: Path,
        metrics: Metrics,
        now_s: list[float],
        spoil: Callable[[Path], object],
        problem: str,
    ) -> None:
        """Counted at every look, logged once, its age told; a good list is taken when there is one again."""
        block(tmp_path, [Block("car-0")])
        takedown = start()
        spoil(tmp_path / FILE)
        with capture_logs() as logs:
            for now_s[0] in range(1, 6):
                takedown.poll()
        assert self.blocked_by(takedown) == ["car-0"]
        (told,) = (line for line in logs if line["log_level"] == "error")
        assert problem in told["problem"]
        assert (metrics.registry.get_sample_value("pinnersage_takedown_errors_total") or 0) >= 4
        assert (metrics.registry.get_sample_value("pinnersage_takedown_age_seconds") or 0) >= 4
        if (tmp_path / FILE).is_dir():
            (tmp_path / FILE).rmdir()
        (tmp_path / "good").write_text("car-1\n")
        (tmp_path / "good").replace(tmp_path / FILE)
        takedown.poll()
        takedown.poll()
        assert self.blocked_by(takedown) == ["car-1"]
        assert metrics.registry.get_sample_value("pinnersage_takedown_age_seconds") == 0

    def test_a_comment_is_enough_to_lift_all_blocks(
        self, start: Callable[[], Takedown], tmp_path: Path
    ) -> None:
        """It shows that somebody meant it."""
        block(tmp_path, [Block("car-0")])
        takedown = start()
        (tmp_path / FILE).write_text("# nothing now\n")
        takedown.poll()
        takedown.poll()
        assert takedown.blocked.mask is None

    def test_bad_lines_are_named_and_the_good_ones_count(
        self, start: Callable[[], Takedown], tmp_path: Path, metrics: Metrics
    ) -> None:
        """With their numbers, in the log and as a number to watch; so are unknown pins."""
        (tmp_path / FILE).write_text("car-0\ncar 1\nno-such-pin\n")
        with capture_logs() as logs:
            takedown = start()
        assert self.blocked_by(takedown) == ["car-0"]
        assert [(line["log_level"], line.get("line")) for line in logs] == [("info", None), ("warning", 2)]
        for name, value in {"listed": 2, "unknown": 1, "bad_lines": 1}.items():
            assert metrics.registry.get_sample_value(f"pinnersage_takedown_{name}") == value

    def test_a_server_does_not_start_without_knowing_what_to_hide(
        self, start: Callable[[], Takedown], tmp_path: Path
    ) -> None:
        """There is no last good list then."""
        (tmp_path / FILE).mkdir()
        with pytest.raises(TakedownError, match=r"blocked\.txt cannot be read"):
            start()

    def test_a_list_survives_a_rebuild(self, tmp_path: Path, metrics: Metrics) -> None:
        """Ids that an artefact does not hold wait on the list for one that does."""
        block(tmp_path, [Block("cake-0")])
        before = Takedown(tmp_path, make_pins(topics=("cat",)), count_error=metrics.count_takedown_error)
        after = Takedown(tmp_path, make_pins(), count_error=metrics.count_takedown_error)
        assert (before.blocked.mask, before.blocked.unknown) == (None, 1)
        assert self.blocked_by(after) == ["cake-0"]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[RecommenderStub, CollectorRegistry]]:
    """A stub of a server that watches `tmp_path`, and its metrics."""
    server = wire_server(make_pins(), default_people().store(), settings(pins=tmp_path))
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield RecommenderStub(channel), server.registry
    server.stop(grace_s=1)


def test_a_running_server_hides_what_is_blocked(
    live: tuple[RecommenderStub, CollectorRegistry], tmp_path: Path
) -> None:
    """No restart, no call: it looks at the file itself. What it drops is counted."""
    stub, registry = live
    request = pb.RecommendRequest(user_id="ben", max_candidates=10)
    assert "cat-1" in names(stub.Recommend(request).candidates)
    block(tmp_path, [Block("cat-1")])
    wait_until(lambda: registry.get_sample_value("pinnersage_takedown_listed") == 1)
    before = registry.get_sample_value("pinnersage_takedown_candidates_total") or 0
    assert "cat-1" not in names(stub.Recommend(request).candidates)
    # Each of Ben's two lists holds the whole pool.
    assert registry.get_sample_value("pinnersage_takedown_candidates_total") == before + 2
    unblock(tmp_path, ["cat-1"])
    wait_until(lambda: registry.get_sample_value("pinnersage_takedown_listed") == 0)
    assert "cat-1" in names(stub.Recommend(request).candidates)
