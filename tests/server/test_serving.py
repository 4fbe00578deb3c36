"""The running server: health, reflection, metrics, ports, and an end that loses no call."""

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from grpc import _server
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from numpy.typing import NDArray
from structlog.testing import capture_logs

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.errors import StartError
from server.ports import Ports
from server.reflection import THREADS as REFLECTION_THREADS
from server.serving import LIVE, RunningServer
from server.side_threads import Ticker
from storage.errors import StoreUnavailableError
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.ports import free_port
from tests.server.conftest import settings
from tests.server.threads import refuse_threads
from tests.server.world import SPACE, default_people, describe, fan, make_pins, make_profile
from tests.waiting import HANG_S

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


SERVED = '{pins_version="000001-test",profiles_version="000007-test",side_version=""}'
RECOMMEND = '{grpc_method="Recommend",grpc_service="pinnersage.v1.Recommender",grpc_type="unary"}'


def build(**changes: object) -> RunningServer:
    return wire_server(make_pins(), default_people().store(), settings(**changes))


def start(server: RunningServer, *, port: int = 0, metrics_port: int = 0) -> int:
    return server.start(Ports(host="127.0.0.1", port=port, metrics_port=metrics_port))


def health(channel: grpc.Channel, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    return int(stub.Check(health_pb2.HealthCheckRequest(service=service)).status)


def test_health_says_serving_and_then_draining() -> None:
    """Health is SERVING for the whole server and the service; a draining one says so and still answers."""
    server = build()
    port = start(server)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert health(channel) == health(channel, "pinnersage.v1.Recommender") == SERVING
        assert health(channel, LIVE) == SERVING
        server.drain()
        assert health(channel) == NOT_SERVING
        assert health(channel, LIVE) == SERVING
        assert RecommenderStub(channel).Recommend(pb.RecommendRequest(user_id="ben")).candidates
    server.stop(grace_s=1)


@pytest.mark.parametrize("there", [True, False])
def test_it_says_whether_its_loops_are_compiled(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower for want of a compiler is something to be seen, in the line that says where it serves."""
    monkeypatch.setattr("storage.compiled._found", {"server._turns": there})
    server = build()
    with capture_logs() as logs:
        start(server)
    server.stop(grace_s=1)
    assert [line["compiled"] for line in logs if line["event"] == "serving"] == [there]


def test_who_watches_health_is_told_of_the_end() -> None:
    """A load balancer that watches learns at once that the server drains; when that stops its watch ends."""
    server = build()
    port = start(server)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=HANG_S)
        assert next(watch).status == SERVING
        server.drain()
        statuses = [next(watch).status]
        assert server.stop(grace_s=HANG_S)
        with pytest.raises(grpc.RpcError) as end:
            statuses.extend(answer.status for answer in watch)

    # It may be said again, at the end.
    assert set(statuses) == {NOT_SERVING}
    assert end.value.code() in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}


class HeldStore(InMemoryProfiles):
    """Holds whoever asks for Ben until it is let go."""

    def __init__(self) -> None:
        super().__init__(describe(), profiles=[make_profile("ben", {"cat-0": 1.0})])
        self.begun, self.let_go = threading.Event(), threading.Event()

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        if user_id == "ben":
            self.begun.set()
            # Longer than anything here waits for it.
            assert self.let_go.wait(2 * HANG_S)
        return super().read(user_id, held)


def ask_for_ben(channel: grpc.Channel) -> "grpc.Future[pb.RecommendResponse]":
    return RecommenderStub(channel).Recommend.future(pb.RecommendRequest(user_id="ben"), timeout=HANG_S)


def takes_calls(channel: grpc.Channel) -> bool:
    try:
        RecommenderStub(channel).Recommend(pb.RecommendRequest(user_id="nobody"), timeout=HANG_S)
    except grpc.RpcError:
        return False
    return True


class Stopping:
    """A server that is being stopped, in a thread of its own."""

    def __init__(self, server: RunningServer, *, grace_s: float) -> None:
        self._said: list[bool] = []
        self._thread = threading.Thread(
            target=lambda: self._said.append(server.stop(grace_s)), name="stopping", daemon=True
        )
        self._thread.start()

    def says(self) -> bool:
        """What `stop` returned."""
        self._thread.join(HANG_S)
        assert not self._thread.is_alive()
        return self._said[0]


def stopped(server: RunningServer, *, grace_s: float) -> bool:
    """What `stop` returned, which it must."""
    return Stopping(server, grace_s=grace_s).says()


def test_stop_lets_calls_in_flight_finish() -> None:
    """A call that is being answered when the server stops gets its answer, and no new one is taken."""
    store = HeldStore()
    server = wire_server(make_pins(), store, settings())
    port = start(server)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = ask_for_ben(channel)
        assert store.begun.wait(HANG_S)
        stopping = Stopping(server, grace_s=HANG_S)
        while takes_calls(channel):
            pass
        store.let_go.set()
        answer = call.result(HANG_S)
        assert stopping.says()

    assert answer.candidates[0].pin_id == "cat-1"


def test_stop_says_whether_all_calls_were_answered() -> None:
    """A call that takes longer than the grace is cut, and its thread is still at work."""
    store = HeldStore()
    server = wire_server(make_pins(), store, settings())
    port = start(server)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = ask_for_ben(channel)
        assert store.begun.wait(HANG_S)
        assert not stopped(server, grace_s=0.1)
        assert isinstance(call.exception(HANG_S), grpc.RpcError)
        store.let_go.set()

    idle = build()
    start(idle)
    assert stopped(idle, grace_s=HANG_S)


def test_stop_returns_though_grpc_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits about as long as it was told, and says that all is not in order."""
    stop = _server._Server.stop

    def never_ends(server: _server._Server, grace: float | None) -> threading.Event:
        stop(server, grace)
        if grace is None:
            time.sleep(2 * HANG_S)
        return threading.Event()

    server = build()
    start(server)
    with monkeypatch.context() as hanging:
        hanging.setattr(_server._Server, "stop", never_ends)
        assert not stopped(server, grace_s=0.1)


def test_stop_returns_though_what_goes_on_beside_never_ends() -> None:
    """A version of many gigabytes is read to its end, say: it is not waited for, all else ends in order."""
    begun, let_go, told_s = threading.Event(), threading.Event(), list[float]()

    def read() -> None:
        begun.set()
        # Longer than anything here waits for it.
        assert let_go.wait(2 * HANG_S)

    class Other:
        """What comes after it."""

        def start(self) -> None:
            pass

        def stop(self, by_s: float) -> bool:
            told_s.append(by_s)
            return True

    server = build()
    server.watch(Ticker(read, name="reading", every_s=0.001))
    server.watch(Other())
    start(server)
    assert begun.wait(HANG_S)
    assert not stopped(server, grace_s=0.1)
    # At first without a wait: nobody's time passes while another is waited for.
    assert told_s[0] == 0 < told_s[1]
    let_go.set()


def test_stop_returns_though_the_system_has_no_thread_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can cut who watches health then: it says so, and no new call is taken."""
    server = build()
    port = start(server)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=HANG_S)
        next(watch)
        with monkeypatch.context() as without_threads:
            refuse_threads(without_threads, "Thread-")
            assert not stopped(server, grace_s=0.1)
            assert not takes_calls(channel)
        server.stop(grace_s=0)


def test_who_asks_is_answered_while_the_system_has_no_thread_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """Health, unary calls, batches and a list of the methods: each by a thread that was there before."""
    server = build()
    port = start(server)
    refuse_threads(monkeypatch, "health", "call", "batch", "record", "reflection")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        streams = reflection_pb2_grpc.ServerReflectionStub(channel)
        assert health(channel) == SERVING
        tool = streams.ServerReflectionInfo(iter([ask]), timeout=HANG_S)
        for _ in range(3):
            assert health(channel) == SERVING
            assert takes_calls(channel)
            batch = pb.RecommendBatchRequest(user_ids=["ben"])
            assert len(list(RecommenderStub(channel).RecommendBatch(batch, timeout=HANG_S))) == 1
        monkeypatch.undo()
        # The stream that found no thread is taken up with the next one.
        assert next(streams.ServerReflectionInfo(iter([ask]), timeout=HANG_S)).list_services_response
        assert next(tool).list_services_response
    assert stopped(server, grace_s=HANG_S)


def test_health_answers_while_every_thread_is_busy() -> None:
    """A server with all its threads at work is alive and says so at once."""
    store = HeldStore()
    server = wire_server(make_pins(), store, settings(threads=1))
    port = start(server)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = ask_for_ben(channel)
        assert store.begun.wait(HANG_S)
        assert health(channel) == SERVING
        assert not call.done()
        store.let_go.set()
        call.result(HANG_S)
    server.stop(grace_s=1)


def test_a_store_that_cannot_be_read_is_found_before_anyone_asks() -> None:
    """The server uses the store once before it serves: a broken one ends the start with its own message."""

    class Broken(InMemoryProfiles):
        def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
            raise StoreUnavailableError(f"{user_id}: profiles.lmdb cannot be read")

    with pytest.raises(StoreUnavailableError, match=r"profiles\.lmdb cannot be read"):
        wire_server(make_pins(), Broken(describe()), settings())


def test_an_index_is_searched_before_anyone_asks() -> None:
    """The first search of a process is slow, and is not left to the first caller."""

    class CountedPins(InMemoryPins):
        searches = 0

        def search(
            self, queries: NDArray[np.float16], k: int, *, ef_search: int
        ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            self.searches += 1
            return super().search(queries, k, ef_search=ef_search)

    pins = CountedPins(["cat-0"], fan(0, 1), embedding_space=SPACE)
    wire_server(pins, default_people().store(), settings())

    assert pins.searches == 1


@pytest.mark.parametrize("wanted", [True, False])
def test_reflection_is_a_setting(wanted: bool) -> None:
    """With reflection the service can be listed; without it the method does not exist."""
    server = build(reflection=wanted)
    port = start(server)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        stream = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask]))
        if wanted:
            names = {each.name for each in next(stream).list_services_response.service}
            assert "pinnersage.v1.Recommender" in names
        else:
            with pytest.raises(grpc.RpcError) as refusal:
                next(stream)
            assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
    server.stop(grace_s=1)


def test_open_streams_of_reflection_keep_no_call_waiting() -> None:
    """Tools that keep their reflection streams open are all answered, and hold none of the call threads."""
    server = build(threads=2)
    port = start(server)
    done = threading.Event()

    def idle() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        done.wait(HANG_S)

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        tools = reflection_pb2_grpc.ServerReflectionStub(channel)
        streams = [tools.ServerReflectionInfo(idle(), timeout=HANG_S) for _ in range(REFLECTION_THREADS)]
        assert all(next(stream).list_services_response.service for stream in streams)
        assert takes_calls(channel)
        done.set()
    server.stop(grace_s=1)


def test_metrics_can_be_scraped() -> None:
    """The Prometheus port tells calls as go-grpc-prometheus does, stages, the cache and what is served."""
    server, metrics_port = build(), free_port()
    port = start(server, metrics_port=metrics_port)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = RecommenderStub(channel)
        stub.Recommend(pb.RecommendRequest(user_id="ben"))
        for user_id in ("nobody", "gus"):
            list(stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=[user_id])))
        pins = [pb.RecentPin(pin_id="cat-0")]
        stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pins, exclude_pin_ids=["cat-1"], min_score=1.0))
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=HANG_S) as page:
        text = page.read().decode()
    server.stop(grace_s=1)

    for line in (
        f"grpc_server_started_total{RECOMMEND} 1.0",
        f"grpc_server_msg_received_total{RECOMMEND} 1.0",
        f"grpc_server_msg_sent_total{RECOMMEND} 1.0",
        f"grpc_server_handling_seconds_count{RECOMMEND} 1.0",
        f'grpc_server_handled_total{{grpc_code="OK",{RECOMMEND[1:]} 1.0',
        'pinnersage_stage_seconds_count{stage="search"} 1.0',
        'pinnersage_stage_seconds_count{stage="encode"} 4.0',
        'pinnersage_answers_total{reason="ordinary"} 1.0',
        'pinnersage_answers_total{reason="unknown_user"} 1.0',
        'pinnersage_answers_total{reason="no_usable_interests"} 1.0',
        'pinnersage_answers_total{reason="all_filtered"} 1.0',
        "pinnersage_interests_skipped_total 1.0",
        "pinnersage_short_answers_total 2.0",
        'pinnersage_candidate_cache_lookups_total{result="miss"} 2.0',
        'pinnersage_candidate_cache_lookups_total{result="hit"} 1.0',
        "pinnersage_candidate_cache_entries 2.0",
        f"pinnersage_artefact_info{SERVED} 1.0",
    ):
        assert line in text


def test_a_port_in_use_is_said() -> None:
    """A second server on the same port does not share it in silence: it says what to do."""
    first, second = build(), build()
    port = start(first)
    with pytest.raises(StartError) as refusal:
        start(second, port=port)
    first.stop(grace_s=0)
    second.stop(grace_s=0)

    assert str(refusal.value) == (
        f"cannot listen on 127.0.0.1:{port}: the port is in use or the address is not this machine's. "
        "Choose another with --port (PINNERSAGE_PORT)."
    )


def test_a_metrics_port_in_use_is_said() -> None:
    """The same for the Prometheus port, and nothing is served."""
    server = build()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        metrics_port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot serve metrics on 127.0.0.1:{metrics_port}"):
            start(server, metrics_port=metrics_port)
    server.stop(grace_s=0)
