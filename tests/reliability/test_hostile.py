"""RELIABILITY 18: callers who mean ill to HTTP/2 cost those who do not next to nothing."""

import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.serving.frames import Kind, opening, request_headers
from pinnersage.v1 import recommender_pb2 as pb
from tests.reliability.served_world import USERS, publish_pins, publish_profiles
from tests.reliability.servers import Server, serving, under_load
from tests.reliability.shares import SHARE, chance

pytestmark = pytest.mark.reliability

_FULL = 10_000
_CONNECTIONS = 20
_PATIENCE_S = 10.0
_END_STREAM, _END_HEADERS, _CONTINUATION = 0x1, 0x4, 9
_CANCEL = struct.pack(">I", 8)
_RECOMMEND = request_headers("/pinnersage.v1.Recommender/Recommend")
# From a tenth on the strangers are as many as can be at a time: the more the others call, the less is chance.
_ANSWERED = 1_000 if SHARE >= 0.1 else 100
# A server that keeps what strangers send would be far beyond this.
_GROWN_MB = 200


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2, whatever it says."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def message() -> bytes:
    """A request that is answered, as gRPC frames it."""
    request = pb.RecommendRequest(user_id=USERS[0], max_candidates=400).SerializeToString()
    return struct.pack(">BI", 0, len(request)) + request


def streams(n: int) -> Iterator[int]:
    """The numbers of a caller's streams."""
    return iter(range(1, 2 * n, 2))


class Stranger:
    """A connection whose other end may hang up at any time, which is its right."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
        self.is_hung_up = False

    def send(self, content: bytes) -> None:
        """Send, unless nobody is there any more, or nobody reads."""
        try:
            self._socket.sendall(content)
        except OSError:
            self.is_hung_up = True

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()


Attack = Callable[[list[Stranger], int], None]


def silent(strangers: list[Stranger], _n: int) -> None:
    """Connect, say half of a greeting, and no more."""
    for stranger in strangers:
        stranger.send(opening()[:10])


def slow(strangers: list[Stranger], n: int) -> None:
    """Begin calls, and let their requests drip: eight would hold all threads of another server."""
    for stranger in strangers:
        stranger.send(opening())
        for stream in streams(min(64, max(1, n // len(strangers)))):
            stranger.send(frame(Kind.HEADERS, _END_HEADERS, stream, _RECOMMEND))
            stranger.send(frame(Kind.DATA, 0, stream, message()[:3]))


def rapid_reset(strangers: list[Stranger], n: int) -> None:
    """Begin a call and cancel it, again and again: the limit of calls at a time is never reached."""
    for stranger in strangers:
        stranger.send(opening())
        for stream in streams(n // len(strangers)):
            begun = frame(Kind.HEADERS, _END_HEADERS, stream, _RECOMMEND)
            stranger.send(begun + frame(Kind.RST_STREAM, 0, stream, _CANCEL))


def all_at_once(strangers: list[Stranger], n: int) -> None:
    """Far more whole calls on each connection than it may have."""
    for stranger in strangers:
        stranger.send(opening())
        for stream in streams(n // len(strangers)):
            begun = frame(Kind.HEADERS, _END_HEADERS, stream, _RECOMMEND)
            stranger.send(begun + frame(Kind.DATA, _END_STREAM, stream, message()))


def never_read(strangers: list[Stranger], n: int) -> None:
    """Ask for answers and leave no window to send them through."""
    no_window = frame(Kind.SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    for stranger in strangers:
        stranger.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + no_window)
        for stream in streams(min(64, max(1, n // len(strangers)))):
            begun = frame(Kind.HEADERS, _END_HEADERS, stream, _RECOMMEND)
            stranger.send(begun + frame(Kind.DATA, _END_STREAM, stream, message()))


def endless_headers(strangers: list[Stranger], n: int) -> None:
    """Headers that go on for as long as somebody listens."""
    more = b"\x00" + bytes([1]) + b"a" + bytes([100]) + b"b" * 100
    for stranger in strangers:
        stranger.send(opening() + frame(Kind.HEADERS, 0, 1, _RECOMMEND))
        for _ in range(n // len(strangers)):
            stranger.send(frame(_CONTINUATION, 0, 1, more * 100))


def pings(strangers: list[Stranger], n: int) -> None:
    """Questions that each want an answer."""
    for stranger in strangers:
        stranger.send(opening())
        for _ in range(n // len(strangers)):
            stranger.send(frame(Kind.PING, 0, 0, bytes(8)) + frame(Kind.SETTINGS, 0, 0))


def noise(strangers: list[Stranger], n: int) -> None:
    """Frames of any kind, with anything in them."""
    random = chance("noise")
    for at, stranger in enumerate(strangers):
        stranger.send(opening() if at % 2 else b"")
        for _ in range(n // len(strangers)):
            payload = random.randbytes(random.randrange(50))
            stranger.send(frame(random.randrange(12), random.randrange(256), random.randrange(99), payload))


ATTACKS = (silent, slow, rapid_reset, all_at_once, never_read, endless_headers, pings, noise)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("world")
    publish_pins(folder / "pins", "old")
    publish_profiles(folder / "profiles", "old")
    with serving(folder, "--port", "0", "--drain-s", "0") as running:
        running.wait_for("serving")
        yield running
        assert running.end() == 0


@contextmanager
def connected(port: int) -> Iterator[list[Stranger]]:
    """Strangers, who stay until the end."""
    with ExitStack() as until_end:
        strangers = [Stranger(port) for _ in range(_CONNECTIONS)]
        for stranger in strangers:
            until_end.callback(stranger.close)
        yield strangers


def resident_mb(pid: int) -> float:
    """Memory of a process that is in use."""
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1_000


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_others_are_answered_meanwhile(
    attack: Attack, server: Server, tally: Counter[tuple[str, ...]]
) -> None:
    """At least 99 of 100 calls of those who behave, on connections of their own; and nothing is kept."""
    port = int(server.address.rpartition(":")[2])
    with under_load(server.address, 2) as load:
        load.wait_for(20)
        before_mb = resident_mb(server.process.pid)
        with connected(port) as strangers:
            attack(strangers, max(2 * _CONNECTIONS, round(_FULL * SHARE)))
            # Of few calls the one or two that find the server full for a moment are too large a share.
            load.wait_for(_ANSWERED)
        load.wait_for(20)

    assert load.n_failed <= 0.01 * load.answered.total(), load.told
    assert resident_mb(server.process.pid) - before_mb < _GROWN_MB
    tally[attack.__name__, "answered"] += load.answered.total()
    tally[attack.__name__, "failed"] += load.n_failed
