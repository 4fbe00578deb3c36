"""The generator of overload speaks with a real gRPC server, and says what became of every call."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from benchmarks.serving import frames
from benchmarks.serving.flood import GIVEN_UP, OK, RESET, TURNED_AWAY, Callers, Flood, flood
from benchmarks.serving.overload import Pressed, goodput_bound
from tests.waiting import HANG_S

METHOD = "/tests.Echo/Echo"
Behaviour = Callable[[bytes, grpc.ServicerContext], bytes]
# Larger than a frame and than HTTP/2's first windows.
LARGE = 100_000


@contextmanager
def serving(behaviour: Behaviour, *, threads: int = 4, streams: int = 1_000) -> Iterator[int]:
    """The port of a server of one method."""
    with ThreadPoolExecutor(threads) as pool:
        # As the server has it: see server.connections.
        options = (("grpc.max_concurrent_streams", streams), ("grpc.http.overload_protection", 0))
        server = grpc.server(pool, options=options)
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(behaviour)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("tests.Echo", {"Echo": handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield port
        server.stop(None).wait()


class Crowd:
    """A method that knows the most calls that were ever in it, and what they said."""

    def __init__(self) -> None:
        self._changed = threading.Lock()
        self.inside = self.most = 0
        self.heard: list[bytes] = []

    def __call__(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        with self._changed:
            self.heard.append(request)
            self.inside += 1
            self.most = max(self.most, self.inside)
        threading.Event().wait(0.01)
        with self._changed:
            self.inside -= 1
        return bytes(LARGE)


def at_once(n: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.zeros(n)


def test_every_call_is_answered_and_says_what_it_was_given() -> None:
    """Over several connections; requests are taken in turns; answers may be large."""
    crowd = Crowd()
    with serving(crowd) as port:
        asked = flood(
            port, METHOD, [b"a", b"b", b"c"], at_once(30), callers=Callers(connections=2), lasts_s=30
        )

    assert (len(asked.statuses), asked.count(OK)) == (30, 30)
    assert sorted(crowd.heard) == [b"a"] * 10 + [b"b"] * 10 + [b"c"] * 10
    assert asked.lasted_s < 30
    assert (asked.latencies_s > 0).all()


@pytest.mark.parametrize(
    ("callers", "most"),
    [
        (Callers(connections=2), 6),  # the server's limit
        (Callers(connections=2, streams=2), 4),
        (Callers(connections=2, at_most=1), 1),
    ],
)
def test_callers_keep_to_their_limit_and_to_the_servers(callers: Callers, most: int) -> None:
    """Of calls on a connection, and of calls together; what is due beyond it is sent later."""
    crowd = Crowd()
    with serving(crowd, threads=16, streams=3) as port:
        asked = flood(port, METHOD, [b"a"], at_once(40), callers=callers, lasts_s=30)

    assert crowd.most <= asked.most == most
    assert asked.count(OK) == 40


def test_calls_are_sent_when_they_are_due() -> None:
    """None sooner, however idle the server is."""
    crowd = Crowd()
    with serving(crowd) as port:
        due_s = np.array([0.0, 0.05, 0.1])
        asked = flood(port, METHOD, [b"a"], due_s, callers=Callers(connections=1), lasts_s=30)

    assert asked.count(OK) == 3
    assert (asked.ended_s >= due_s).all()


def test_no_call_is_sent_after_the_end() -> None:
    """Nobody waits for one that is due later."""
    crowd = Crowd()
    with serving(crowd) as port:
        asked = flood(port, METHOD, [b"a"], np.array([60.0]), callers=Callers(connections=1), lasts_s=0.1)

    assert (len(asked.statuses), asked.lasted_s, crowd.heard) == (0, 0.1, [])


def test_callers_with_deadlines_tell_the_server() -> None:
    """What is left of each call's."""
    told: list[float] = []

    def told_at_once(request: bytes, context: grpc.ServicerContext) -> bytes:
        told.append(context.time_remaining() or 0.0)
        return request

    callers = Callers(connections=1, patience_s=HANG_S)
    with serving(told_at_once) as port:
        asked = flood(port, METHOD, [b"a"], at_once(9), callers=callers, lasts_s=30)

    assert (asked.count(OK), len(told)) == (9, 9)
    assert 0.0 < min(told) <= max(told) <= HANG_S


def test_callers_with_deadlines_give_up() -> None:
    """A call that waited too long for its turn is not sent; an answer that came too late is none."""
    heard: list[bytes] = []

    def late(request: bytes, context: grpc.ServicerContext) -> bytes:
        heard.append(request)
        while context.is_active():
            threading.Event().wait(0.01)
        return request

    callers = Callers(connections=1, streams=1, patience_s=0.3)
    with serving(late) as port:
        asked = flood(port, METHOD, [b"a"], at_once(9), callers=callers, lasts_s=30)

    assert (asked.count(OK), len(asked.statuses)) == (0, 9)
    # The first holds the others' place for as long as they wait, or was late itself.
    assert asked.count(GIVEN_UP) >= 9 - len(heard) > 0


def test_refusals_are_told_from_answers() -> None:
    """By their status."""

    def every_other(request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"no":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "come back later")
        return b"answer"

    with serving(every_other) as port:
        asked = flood(port, METHOD, [b"yes", b"no"], at_once(10), callers=Callers(connections=1), lasts_s=30)

    assert (asked.count(OK), asked.count(TURNED_AWAY), len(asked.statuses)) == (5, 5, 10)


def test_a_frame_that_has_not_come_whole_waits_for_the_rest() -> None:
    """Cut anywhere, two frames are two frames; what follows them stays."""
    whole = frames.call(1, frames.request_headers(METHOD), b"message")
    for cut in range(len(whole) + 1):
        received = bytearray(whole[:cut])
        first = list(frames.frames(received))
        received += whole[cut:] + b"\x00"
        assert [frame.stream for frame in first + list(frames.frames(received))] == [1, 1]
        assert received == b"\x00"


@pytest.mark.parametrize(("r", "bound"), [(0.0, 1.0), (0.1, 0.7 / 0.9), (0.25, 1 / 3), (0.5, 0.0)])
def test_the_bound_of_goodput(r: float, bound: float) -> None:
    """With a tenth each, g answers and 3 - g refusals fill the server: g + 0.1 (3 - g) = 1."""
    assert goodput_bound(r) == pytest.approx(bound)


def test_what_turning_away_costs_is_what_answers_do_not() -> None:
    """Ten answers at 100 us and thirty refusals took 1,150 us: 5 us each. With them an answer took 115."""
    statuses = np.array([OK] * 10 + [TURNED_AWAY] * 20 + [RESET] * 10)
    ended_s = np.linspace(0.1, 4.0, 40)
    pressed = Pressed(
        Flood(statuses=statuses, ended_s=ended_s, latencies_s=ended_s, lasted_s=0.5, most=40), cpu_us=1_150
    )

    assert pressed.turned_away_us(100.0) == pytest.approx(5.0)
    assert pressed.answer_us == pytest.approx(115.0)
    # Five came while calls were sent, in half a second.
    assert pressed.per_second == pytest.approx(10.0)
