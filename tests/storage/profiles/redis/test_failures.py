"""A Redis that is killed, paused or cut off is an error of the store's, and never another user's answer."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TypeVar

import numpy as np
import pytest
from redis.connection import Connection

from storage.errors import StoreReadOnlyError, StoreUnavailableError
from storage.profiles.opening import live_version, open_batch_publisher, open_online_writer, open_reader
from storage.profiles.store import ProfileReader
from tests.storage.profiles.people import encoded, manifest, online, profile, same
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S

AnswerT = TypeVar("AnswerT")

NAMES = [f"user-{i}" for i in range(8)]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey to be cruel to, which keeps what it acknowledged."""
    server = Valkey(tmp_path)
    yield server
    with suppress(Exception):
        server.stop()


@pytest.fixture
def url(own: Valkey) -> str:
    """With users, each of whom has a pin of their own; answers may take a tenth of a second."""
    url = own.url(options="timeout_ms=100")
    users = [encoded(name, f"pin-of-{name}") for name in NAMES]
    patiently(lambda: open_batch_publisher(url).publish(users, [], manifest))
    return url


def patiently(call: Callable[..., AnswerT]) -> AnswerT:
    """The busiest machine answers at some time."""
    while True:
        with suppress(StoreUnavailableError):
            return call()


@pytest.fixture
def reader(url: str) -> Iterator[ProfileReader]:
    opened = patiently(lambda: open_reader(url))
    yield opened
    opened.close()


def has_own_answer(reader: ProfileReader, name: str) -> bool:
    return same(reader.batch(name), profile(name, f"pin-of-{name}"))


def test_a_killed_store_is_unavailable_until_it_is_back(own: Valkey, reader: ProfileReader) -> None:
    """The same reader then answers again, from connections of which none was there before."""
    own.kill()
    for name in NAMES:
        with pytest.raises(
            StoreUnavailableError, match=r"^redis://127\.0\.0\.1:\d+/0 cannot be (used|reached): "
        ):
            reader.batch(name)
    own.start_again()

    assert all(patiently(lambda name=name: has_own_answer(reader, name)) for name in NAMES)


def test_a_paused_store_times_out_and_its_late_answers_reach_nobody(
    own: Valkey, reader: ProfileReader
) -> None:
    """It takes the command and answers when it goes on: that connection was dropped."""
    for round_ in range(5):
        asked, other = NAMES[round_], NAMES[-1 - round_]
        patiently(lambda name=asked: has_own_answer(reader, name))
        with own.paused(), pytest.raises(StoreUnavailableError, match="Timeout reading"):
            reader.batch(asked)
        assert patiently(lambda name=other: has_own_answer(reader, name))


def test_who_starts_may_wait_longer_than_a_call(own: Valkey, url: str) -> None:
    """A server that begins while the store is slow finds out what is live; a call has given up by then."""
    with ThreadPoolExecutor(1) as threads:
        with own.paused():
            first = threads.submit(live_version, url, timeout_s=HANG_S)
            with pytest.raises(StoreUnavailableError, match="Timeout reading"):
                live_version(url)
        assert first.result(HANG_S) == patiently(lambda: live_version(url))


def test_connections_that_were_reset_are_made_anew(own: Valkey, reader: ProfileReader) -> None:
    """Idle ones are noticed before anything is asked of them."""
    for name in NAMES:
        patiently(lambda name=name: has_own_answer(reader, name))
        own.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert patiently(lambda name=name: has_own_answer(reader, name))


class GivenUpError(Exception):
    """A caller does not wait any longer."""


@pytest.fixture
def alarm() -> Iterator[None]:
    """The alarm interrupts whatever is done."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise GivenUpError

    before = signal.signal(signal.SIGALRM, give_up)
    yield
    signal.signal(signal.SIGALRM, before)


def read_until(seconds: float, reader: ProfileReader) -> None:
    """Read, and be interrupted."""
    with suppress(GivenUpError):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        for name in NAMES:
            with suppress(StoreUnavailableError):
                reader.batch(name)
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.mark.usefixtures("alarm")
# Python cannot hand on what interrupts it while it collects a connection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_command_that_was_given_up_drops_its_connection(reader: ProfileReader) -> None:
    """Whenever its caller gives up, between any two steps, the next one reads an answer of their own."""
    moments = np.random.default_rng(7).uniform(0.000_01, 0.001, size=300)
    for round_, moment in enumerate(moments):
        read_until(moment, reader)
        assert patiently(lambda round_=round_: has_own_answer(reader, NAMES[round_ % len(NAMES)]))


def test_what_was_sent_and_not_awaited_is_answered_to_nobody(
    own: Valkey, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up after the command left, before its answer came: the next caller reads their own."""

    def give_up(*_: object, **__: object) -> None:
        raise GivenUpError

    reader = open_reader(url.replace("timeout_ms=100", "timeout_ms=20000"))
    assert has_own_answer(reader, NAMES[0])
    with ThreadPoolExecutor(1) as pool:
        with own.paused():
            with monkeypatch.context() as at_the_worst_moment:
                at_the_worst_moment.setattr(Connection, "read_response", give_up)
                with pytest.raises(GivenUpError):
                    reader.batch(NAMES[0])
            answer = pool.submit(reader.read, NAMES[1])
            # Its command is to wait behind the other.
            time.sleep(0.2)
        assert same(answer.result().batch, profile(NAMES[1], f"pin-of-{NAMES[1]}"))
    reader.close()


def test_acknowledged_online_records_survive_a_kill(own: Valkey, url: str) -> None:
    """Where the store syncs before it acknowledges (appendfsync always)."""
    writer = patiently(lambda: open_online_writer(url))
    for name in NAMES:
        patiently(lambda name=name: writer.put(online(name, "new-1")))
        own.kill()
        own.start_again()
        found = patiently(lambda name=name: writer.get(name))
        assert same(found, online(name, "new-1"))
    writer.close()


def test_a_store_that_nobody_listens_at_is_unavailable_at_once() -> None:
    """Opening says so, too."""
    for open_it in (open_reader, open_online_writer):
        with pytest.raises(
            StoreUnavailableError,
            match=r"127\.0\.0\.1:1/0 cannot be reached: Connection refused\. See whether",
        ):
            open_it("redis://ann:secret@127.0.0.1:1")


def test_a_replica_is_not_written_to(valkey: Valkey) -> None:
    """It can be read; the message says whom to write to."""
    replica = Valkey()
    try:
        replica.ask("REPLICAOF", "127.0.0.1", str(valkey.port))
        with pytest.raises(StoreReadOnlyError, match=r"it is a replica\. Name the primary"):
            open_batch_publisher(replica.url()).publish([], [], manifest)
    finally:
        replica.stop()
