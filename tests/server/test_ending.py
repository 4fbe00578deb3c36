"""Bounded connections, and an end that waits for answers and for nothing else."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.connections import Connections
from server.limits import LIMITS
from server.ports import Ports
from server.serving import RunningServer
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

BEN = pb.RecommendRequest(user_id="ben")


@contextmanager
def serving(**changes: object) -> Iterator[tuple[RunningServer, grpc.Channel]]:
    """A server and a connection to it; the test ends the server."""
    server = wire_server(make_pins(), default_people().store(), settings(**changes))
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield server, channel


def test_an_end_waits_for_no_health_watch_and_no_reflection() -> None:
    """Streams that would stay open for ever are cut as soon as no call is left."""
    idle = threading.Event()

    def names() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        idle.wait(HANG_S)

    with serving() as (server, channel):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        next(watch)
        tool = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(names())
        next(tool)
        ending = threading.Thread(target=server.stop, kwargs={"grace_s": 3_600})
        ending.start()
        ending.join(HANG_S)
        assert not ending.is_alive()
        idle.set()


def test_many_watches_keep_nobody_waiting() -> None:
    """Who watches health holds no thread: neither that of health checks nor those of calls."""
    with serving(threads=1) as (server, channel):
        health = health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(30)]
        for watch in watches:
            next(watch)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=HANG_S).status
        assert RecommenderStub(channel).Recommend(BEN, timeout=HANG_S).candidates
        server.stop(grace_s=10)


@pytest.mark.parametrize(
    ("n_bytes", "code"),
    [(LIMITS.metadata_bytes // 2, None), (2 * LIMITS.metadata_bytes, grpc.StatusCode.RESOURCE_EXHAUSTED)],
)
def test_metadata_is_bounded(n_bytes: int, code: grpc.StatusCode | None) -> None:
    """Larger metadata is refused before the call is anybody's."""
    with serving() as (server, channel):
        call = RecommenderStub(channel).Recommend.future(
            BEN, metadata=(("x-large", "x" * n_bytes),), timeout=HANG_S
        )
        error = call.exception()
        assert error is None or isinstance(error, grpc.RpcError)
        assert (None if error is None else error.code()) is code
        server.stop(grace_s=1)


def test_connections_that_grow_old_are_left_without_a_loss() -> None:
    """Callers connect anew every few calls, and notice nothing."""
    with serving(connection_age_s=0.1) as (server, channel):
        stub = RecommenderStub(channel)
        for _ in range(300):
            assert stub.Recommend(BEN, timeout=HANG_S).candidates
        server.stop(grace_s=1)


def test_a_drain_lasts_until_every_connection_was_asked_to_leave() -> None:
    """Unless a person says otherwise: 1.1 x the connection age."""
    assert settings(connection_age_s=20).draining_s == pytest.approx(22)
    assert settings(connection_age_s=20, drain_s=0).draining_s == 0
    assert dict(Connections(max_age_s=20).options())["grpc.max_connection_age_ms"] == 20_000


WAITING = """
import sys, threading
from server.ending import Ending
ending = Ending()
if sys.argv[1] == "serving":
    ending.listen()
print("here", flush=True)
ending.wait()
print("drains" if not ending.is_at_once else "ends", flush=True)
ending.wait_for_drain(3_600)
print("at once" if ending.is_at_once else "drained", flush=True)
"""


@pytest.mark.parametrize(
    ("state", "signals", "said", "status"),
    [
        ("starting", [signal.SIGTERM], "", 128 + signal.SIGTERM),
        ("starting", [signal.SIGINT], "", 128 + signal.SIGINT),
        ("serving", [signal.SIGINT], "ends\nat once\n", 0),
        ("serving", [signal.SIGTERM, signal.SIGTERM], "drains\nat once\n", 0),
        ("serving", [signal.SIGTERM, signal.SIGINT], "drains\nat once\n", 0),
    ],
)
def test_signals_end_a_process_as_they_should(
    state: str, signals: list[signal.Signals], said: str, status: int
) -> None:
    """While it starts at once; then SIGTERM drains, SIGINT and a second signal do not."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, state], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        heard = ""
        for number in signals:
            process.send_signal(number)
            # Signals that come together may be taken as one.
            heard += process.stdout.readline()
        assert heard + process.stdout.read() == said
        assert process.wait(HANG_S) == status


INTERRUPTED = """
import signal, sys
from server.ending import Ending

ending = Ending()
ending.listen()
for wait in (ending.wait, lambda: ending.wait_for_drain(3_600)):
    for late in range(1, 10):
        ending.__init__()
        ending.listen()
        left = late

        def at_each_line(*_):
            global left
            left -= 1
            if not left:
                signal.raise_signal(signal.SIGINT)
            return at_each_line

        sys.settrace(at_each_line)
        wait()
        sys.settrace(None)
print("each was heard")
"""


def test_a_signal_is_heard_whenever_it_comes() -> None:
    """Also by who is just about to wait for it: no line of that may hold what the signal needs."""
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False, timeout=HANG_S
    )
    assert (ran.stdout, ran.stderr) == ("each was heard\n", "")
