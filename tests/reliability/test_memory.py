"""RELIABILITY 12: memory is flat, however many are served, give up, or see the version change."""

from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import grpc
import numpy as np
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from tests.reliability.served_world import USERS, publish_pins, publish_profiles
from tests.reliability.servers import Server, channel_to, code_of, serving, version_at
from tests.reliability.shares import SHARE, seeds
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_SWAPS, _CALLS_A_SWAP = 100, 20_000
_CALLERS, _AT_A_TIME = 4, 8
# Of so many calls one is given up as it begins, and one a little later.
_GIVEN_UP_IN = 20
# Until the allocator's arenas and Python's own have their size.
_WARM_UP_SWAPS, _WARM_UP_CALLS = 2, 2_000
_MB_A_CALL = 1 / 100_000
# What the allocator happens to hold at the moment of a reading.
_NOISE_MB = 6.0

_METHOD = "/pinnersage.v1.Recommender/Recommend"
_REQUESTS = [pb.RecommendRequest(user_id=user, max_candidates=20).SerializeToString() for user in USERS]


@dataclass(frozen=True)
class Reading:
    """What a server holds when nobody calls it.

    Attributes:
        n_calls: So many were made before.
        private_mb: Memory that is its own, not of files.
        n_descriptors: Open ones.
    """

    n_calls: int
    private_mb: float
    n_descriptors: int


def read(server: Server, n_calls: int) -> Reading:
    process = Path(f"/proc/{server.process.pid}")
    (line,) = (line for line in (process / "status").read_text().splitlines() if line.startswith("RssAnon"))
    return Reading(n_calls, int(line.split()[1]) / 1_024, n_descriptors(server))


def n_descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def call(address: str, n: int) -> Counter[grpc.StatusCode]:
    """So many calls, on a few connections made for them; returns when all have ended, and how."""
    ended: Counter[grpc.StatusCode] = Counter()
    with ExitStack() as open_ones:
        channels = [open_ones.enter_context(channel_to(address)) for _ in range(_CALLERS)]
        threads = [Thread(target=_call, args=(channel, n // _CALLERS, ended)) for channel in channels]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return ended


def _call(channel: grpc.Channel, n: int, ended: Counter[grpc.StatusCode]) -> None:
    ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
    under_way: deque[grpc.Future[bytes]] = deque()
    codes = []
    for number in range(n):
        under_way.append(ask.future(_REQUESTS[number % len(_REQUESTS)], timeout=HANG_S))
        if number % _GIVEN_UP_IN == 0:
            under_way[-1].cancel()
            under_way[len(under_way) // 2].cancel()
        if len(under_way) == _AT_A_TIME:
            codes.append(code_of(under_way.popleft()))
    codes += map(code_of, under_way)
    ended.update(codes)


def swap(server: Server, pins: Path, name: str) -> None:
    """Publish a version, and wait until it is served."""
    version = publish_pins(pins, name)
    wait_until(lambda: version_at(server.address) == version)


def growth_mb_a_call(readings: Sequence[Reading]) -> float:
    """Of the line through all of them."""
    calls, private_mb = zip(*((each.n_calls, each.private_mb) for each in readings), strict=True)
    return float(np.polyfit(calls, private_mb, 1)[0])


def test_memory_is_flat(tmp_path: Path, tally: Counter[tuple[str, ...]]) -> None:
    """A tenth of the calls is given up, on connections that come and go; versions follow each other."""
    publish_pins(tmp_path / "pins", "first")
    publish_profiles(tmp_path / "profiles", "first")
    with serving(tmp_path, "--port", "0", "--drain-s", "0", "--poll-s", "0.2", "--warm-s", "0") as server:
        for number in range(_WARM_UP_SWAPS):
            call(server.address, _WARM_UP_CALLS)
            swap(server, tmp_path / "pins", f"warm-up {number}")
        readings = [read(server, 0)]
        for seed in seeds(_SWAPS):
            ended = call(server.address, _CALLS_A_SWAP)
            assert set(ended) == {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED}
            swap(server, tmp_path / "pins", f"pins {seed}")
            # As many as in the beginning, once the connections are closed on that side, too.
            wait_until(lambda: n_descriptors(server) <= readings[0].n_descriptors)
            readings.append(read(server, readings[-1].n_calls + _CALLS_A_SWAP))
            for code, n in ended.items():
                tally["calls", code.name] += n
    first, last = readings[0], readings[-1]
    assert last.private_mb - first.private_mb <= _NOISE_MB + last.n_calls * _MB_A_CALL, readings
    if SHARE == 1:
        assert growth_mb_a_call(readings) <= _MB_A_CALL, readings
