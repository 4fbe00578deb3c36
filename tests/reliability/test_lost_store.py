"""RELIABILITY 10: a store that is lost under load is missed only by those whom the server does not know."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.users import FRESH_S
from storage.profiles.redis.address import RedisAddress
from tests.reliability.cut_line import Line
from tests.reliability.served_world import N_PINS, USERS, publish_pins, publish_users
from tests.reliability.servers import channel_to, serving, under_load
from tests.reliability.shares import SHARE, seeds
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_ROUNDS, _CALLERS = 100, 16
# Nobody else asks for the former; the latter are asked for while there is no store, and never else.
NEWCOMERS = tuple(f"newcomer-{number:03}" for number in range(_ROUNDS))
STRANGERS = tuple(f"stranger-{number:03}" for number in range(4 * len(USERS)))
_TOLD_S, _BACK_S = 0.1, 5.0
_ANSWERED, _FLAGGED, _UNAVAILABLE = "answered", "flagged", grpc.StatusCode.UNAVAILABLE.name


@dataclass(frozen=True)
class Store:
    """A store, and a way to lose it.

    Attributes:
        url: Where the server finds it; with the timeout that a server has unless it is told another.
        lost: Within the block it is.
    """

    url: str
    lost: Callable[[], AbstractContextManager[None]]


@contextmanager
def killed(valkey: Valkey) -> Iterator[None]:
    valkey.kill()
    try:
        yield
    finally:
        valkey.start_again()


@pytest.fixture(params=["killed", "paused", "reset"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A Valkey that keeps what it acknowledged."""
    valkey = Valkey(tmp_path)
    direct = valkey.url(options=f"timeout_ms={1_000 * RedisAddress(host='').timeout_s:.0f}")
    # Each likes two pins; of whom does not matter.
    likes = {user: (f"p{at % N_PINS}", f"p{(7 * at + 1) % N_PINS}") for at, user in enumerate(everybody())}
    publish_users(direct, likes)
    with closing(Line(valkey.port)) as line:
        yield {
            "killed": Store(direct, lambda: killed(valkey)),
            "paused": Store(direct, valkey.paused),
            "reset": Store(direct.replace(f":{valkey.port}/", f":{line.port}/"), line.cut),
        }[request.param]
    valkey.stop()


def everybody() -> list[str]:
    return sorted((*USERS, *NEWCOMERS, *STRANGERS))


@dataclass(frozen=True)
class Ended:
    """What a call came to.

    Attributes:
        how: Answered, flagged, or its status.
        took_s: Until the caller knew.
    """

    how: str
    took_s: float


def call(stub: RecommenderStub, user: str) -> Ended:
    began_s = time.monotonic()
    try:
        answer = stub.Recommend(pb.RecommendRequest(user_id=user, max_candidates=5), timeout=HANG_S)
        how = _FLAGGED if pb.DEGRADATION_STALE_PROFILE in answer.degraded else _ANSWERED
    except grpc.RpcError as error:
        how = error.code().name
    return Ended(how, time.monotonic() - began_s)


@dataclass(frozen=True)
class Callers:
    """Several at a time.

    Attributes:
        threads: Theirs.
        stub: What they call.
        tally: By what calls are made for, how many ended how, and how many were told late.
    """

    threads: ThreadPoolExecutor
    stub: RecommenderStub
    tally: Counter[tuple[str, ...]]

    def ask(self, users: Sequence[str]) -> list[Ended]:
        """A call for each."""
        return list(self.threads.map(lambda user: call(self.stub, user), users))

    def are_answered(self, users: Sequence[str]) -> bool:
        return all(each.how == _ANSWERED for each in self.ask(users))

    def wave(self, kind: str, users: Sequence[str]) -> set[str]:
        """How the calls for them end; noted."""
        ended = self.ask(users)
        self.tally.update((kind, each.how) for each in ended)
        self.tally[kind, "late"] += sum(each.took_s > _TOLD_S for each in ended)
        return {each.how for each in ended}


@contextmanager
def calling(address: str, tally: Counter[tuple[str, ...]]) -> Iterator[Callers]:
    with channel_to(address) as channel, ThreadPoolExecutor(_CALLERS) as threads:
        yield Callers(threads, RecommenderStub(channel), tally)


def test_a_lost_store_is_missed_by_strangers_alone(
    tmp_path: Path, store: Store, tally: Counter[tuple[str, ...]]
) -> None:
    """Lost and back under load: whoever is known is answered, flagged; others are told; then all is well."""
    publish_pins(tmp_path / "pins", "first")
    with (
        serving(tmp_path, "--port", "0", "--drain-s", "0", "--profiles", store.url) as server,
        calling(server.address, tally) as callers,
    ):
        wait_until(lambda: callers.are_answered(USERS))
        with under_load(server.address) as load:
            for seed in seeds(_ROUNDS):
                callers.wave("known, well", len(STRANGERS) // len(USERS) * USERS)
                with store.lost():
                    # Afterwards of nobody it is known from the store itself that all is as before.
                    time.sleep(FRESH_S)
                    assert callers.wave("known, lost", USERS) == {_FLAGGED}, f"seed {seed}"
                    assert callers.wave("strangers, lost", STRANGERS) == {_UNAVAILABLE}, f"seed {seed}"
                began_s, two = time.monotonic(), (USERS[0], NEWCOMERS[seed])
                wait_until(partial(callers.are_answered, two))
                tally["store", "back" if time.monotonic() - began_s <= _BACK_S else "back late"] += 1
            load.wait_for(len(USERS))
        assert load.n_failed <= 0.001 * load.answered.total(), load.failed
    if SHARE == 1:
        # What the machine does to calls of a store that is well, it does to these too.
        n_late, n_late_anyway = tally["strangers, lost", "late"], tally["known, well", "late"]
        assert n_late <= 0.01 * _ROUNDS * len(STRANGERS) + n_late_anyway
        assert tally["store", "back late"] <= 0.01 * _ROUNDS
