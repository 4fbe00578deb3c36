"""RELIABILITY 3: nobody gets another user's answer, whoever gives up and however late the store is."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from tests.reliability.served_world import publish_pins, publish_users
from tests.reliability.servers import channel_to, serving
from tests.reliability.shares import SHARE, chance, seeds
from tests.reliability.slow_store import SlowLine, slow_line
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S

pytestmark = pytest.mark.reliability

_CALLERS = 16
# Half of the callers give up, each at a moment of their own.
_LATEST_S = 0.02
_OWN, _ANOTHERS = "their own answer", "another's answer"
# The last are batches too many: each is as slow as the store.
_MAY_END = {_OWN, "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}

Shown = dict[str, tuple[str, ...]]
"""By user, the medoids of their interests, most important first."""


def medoids_of(user: int) -> tuple[str, str, str]:
    """Three pins that nobody else likes: the digits of the user's number."""
    return f"p{user % 100}", f"p{100 + user // 100 % 100}", f"p{200 + user // 10_000}"


def name_of(user: int) -> str:
    return f"user-{user:06}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[str, SlowLine]]:
    """All users in a Valkey, and the line to it, which can be later than anybody waits."""
    publish_pins(tmp_path / "pins", "first")
    valkey = Valkey()
    direct = valkey.url(options="timeout_ms=100")
    publish_users(direct, {name_of(user): medoids_of(user) for user in seeds(200_000)})
    with slow_line(valkey.port) as line:
        yield direct.replace(f":{valkey.port}/", f":{line.port}/"), line
    valkey.stop()


def ask_recommend(stub: RecommenderStub, user: int, gives_up_s: float | None) -> Shown:
    request = pb.RecommendRequest(user_id=name_of(user), max_candidates=20)
    answer = patient(stub.Recommend.future(request, timeout=HANG_S), gives_up_s)
    assert {each.medoid_pin_id for each in answer.candidates} <= set(medoids_of(user))
    return {name_of(user): tuple(each.medoid_pin_id for each in answer.interests)}


def ask_profile(stub: RecommenderStub, user: int, gives_up_s: float | None) -> Shown:
    request = pb.GetProfileRequest(user_id=name_of(user))
    answer = patient(stub.GetProfile.future(request, timeout=HANG_S), gives_up_s)
    return {answer.user_id: tuple(each.medoid_pin_id for each in answer.interests)}


def ask_batch(stub: RecommenderStub, user: int, gives_up_s: float | None) -> Shown:
    """The user and one more, in one stream; the deadline gives up."""
    request = pb.RecommendBatchRequest(user_ids=[name_of(user), name_of(user // 2)], max_candidates=20)
    stream = stub.RecommendBatch(request, timeout=gives_up_s or HANG_S)
    return {
        each.user_id: tuple(shown.medoid_pin_id for shown in each.recommendation.interests)
        for message in stream
        for each in message.results
    }


KINDS: tuple[Callable[[RecommenderStub, int, float | None], Shown], ...] = (
    ask_recommend,
    ask_profile,
    ask_recommend,
    ask_batch,
)


AnswerT = TypeVar("AnswerT")


def patient(call: "grpc.Future[AnswerT]", gives_up_s: float | None) -> AnswerT:
    """The answer, unless the caller gives up before it comes."""
    try:
        return call.result(gives_up_s)
    except grpc.FutureTimeoutError:
        call.cancel()
        return call.result()


def outcome(
    ask: Callable[[RecommenderStub, int, float | None], Shown], stub: RecommenderStub, user: int
) -> str:
    """What a call came to."""
    draw = chance("own answer", user)
    gives_up_s = draw.uniform(0, _LATEST_S) if draw.random() < 0.5 else None
    try:
        shown = ask(stub, user, gives_up_s)
    except grpc.FutureCancelledError:
        return "CANCELLED"
    except grpc.RpcError as error:
        return str(error.code().name)
    own = {name: medoids_of(int(name.removeprefix("user-"))) for name in shown}
    return _OWN if shown == own and name_of(user) in shown else _ANOTHERS


def test_nobody_gets_anothers_answer(
    tmp_path: Path, store: tuple[str, SlowLine], tally: Counter[tuple[str, ...]]
) -> None:
    """Every user once, half of them given up within 20 ms: whoever is answered sees their own interests."""
    (url, line), users = store, seeds(200_000)
    lock = threading.Lock()

    def go_on(address: str) -> None:
        with channel_to(address) as channel:
            stub = RecommenderStub(channel)
            while True:
                with lock:
                    user = next(users, None)
                if user is None:
                    return
                ended = outcome(KINDS[user % len(KINDS)], stub, user)
                with lock:
                    tally["answers", ended] += 1

    with serving(tmp_path, "--port", "0", "--drain-s", "0", "--profiles", url) as server:
        server.wait_for("serving")
        line.become_slow()
        threads = [threading.Thread(target=go_on, args=(server.address,)) for _ in range(_CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ended_how = {ended for _, ended in tally}
    assert ended_how <= _MAY_END, tally
    # Each kind of end was met: callers who gave up, and answers of the store that came too late.
    assert {_OWN, "CANCELLED", "UNAVAILABLE"} <= ended_how
    if SHARE == 1:
        # A machine that stands still for seconds makes the store too late for hundreds: of many they are few.
        assert tally["answers", _OWN] >= 0.25 * tally.total()
