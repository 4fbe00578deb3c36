"""What goes on around a session: it is opened again when it failed, and reads from where the store says."""

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from process.flags import Flag
from profile_builder.online import OnlineSession
from profile_builder.online_following import Following
from profile_builder.online_gathering import Gathering
from profile_builder.online_running import RetryPolicy, run_online, spare_the_collector
from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError, EmbeddingSpaceMismatchError, StoreUnavailableError
from storage.events.memory import InMemoryConsumer, InMemoryEvents
from storage.events.stream import Batch, EventConsumer, Resume
from storage.pins.memory import InMemoryPins
from storage.profiles.store import BatchDescription
from tests.profile_builder.online_world import DESCRIPTION, PINS, W_S, Online, event
from tests.profile_builder.world import MODEL

AT_ONCE = RetryPolicy(first_s=0.0, longest_s=0.0)


def ignore(_: Exception) -> None:
    """Nobody counts."""


class Doomed:
    """A session that fails, again and again, and then ends the run."""

    def __init__(self, n_failures: int, stop: Flag) -> None:
        self.left, self.stop, self.n_finished = n_failures, stop, 0

    def step(self, _wait_s: float) -> None:
        if self.left:
            self.left -= 1
            raise StoreUnavailableError("the store is away")
        self.stop.set()

    def finish(self) -> None:
        self.n_finished += 1


def opening(session: Any) -> Callable[[], AbstractContextManager[Any]]:
    @contextmanager
    def opened() -> Iterator[Any]:
        yield session

    return opened


def test_what_fails_is_opened_again_for_ever() -> None:
    """Each failure is counted; in the end the session finishes what it has."""
    stop, failed = Flag(), list[Exception]()
    session = Doomed(7, stop)

    run_online(opening(session), stop, count_failure=failed.append, retry=AT_ONCE)

    assert (len(failed), session.n_finished) == (7, 1)


def test_what_cannot_begin_is_not_tried_again() -> None:
    """A person who mistyped a folder hears of it at once."""

    @contextmanager
    def opened() -> Iterator[OnlineSession]:
        raise StoreUnavailableError("there is no such store")
        yield

    with pytest.raises(StoreUnavailableError, match="no such store"):
        run_online(opened, Flag(), count_failure=ignore, retry=AT_ONCE)


class Retaken(InMemoryConsumer):
    """Its partition is taken away and given back between two reads, as a Kafka may do."""

    def __init__(self, events: InMemoryEvents, resume: Resume) -> None:
        super().__init__(events, resume=resume, now=lambda: W_S + 100.0)
        self.n_reads = 0

    def read(self, max_records: int, timeout_s: float) -> Batch:
        self.n_reads += 1
        if self.n_reads == 2:
            super().close()
        return super().read(2, timeout_s)


def test_a_partition_taken_anew_is_gathered_once() -> None:
    """What was read of it before comes again: it is not in one commit twice."""
    events, opened = InMemoryEvents(), list[Retaken]()
    events.append([event("ann", f"cat-{at}", at) for at in range(4)])

    def open_stream(resume: Resume) -> EventConsumer:
        opened.append(Retaken(events, resume))
        return opened[-1]

    gathering = Gathering(open_stream, lambda _: None, max_records=4, gather_s=60.0)
    gathered = gathering.gather(1.0)

    assert [each.pin_id for each in gathered.events] == ["cat-0", "cat-1", "cat-2", "cat-3"]
    assert gathered.positions == {"0": "4"}
    assert opened[0].n_reads == 3


def following(
    batch: list[BatchDescription | None], pins: list[InMemoryPins], refused: list[int]
) -> Following:
    return Following(lambda: pins[0], lambda: batch[0], MODEL, count_refused=lambda: refused.append(1))


def test_what_is_live_is_followed() -> None:
    """Without a batch the model file counts; then the live batch, whether newer or gone back to."""
    batch: list[BatchDescription | None] = [None]
    found = following(batch, [PINS], [])
    watermarks = [found.basis.watermark_s]
    for watermark_s in (W_S, W_S + 86_400, W_S):
        batch[0] = replace(DESCRIPTION, actions_until_s=watermark_s)
        found.look()
        watermarks.append(found.basis.watermark_s)

    assert watermarks == [-1, W_S, W_S + 86_400, W_S]
    assert found.basis.parameters_version == DESCRIPTION.parameters_version


def test_what_cannot_be_used_is_refused_once() -> None:
    """The last good basis stays, until what is live can be used again."""
    batch: list[BatchDescription | None] = [DESCRIPTION]
    refused = list[int]()
    found = following(batch, [PINS], refused)
    batch[0] = replace(DESCRIPTION, actions_until_s=5, embedding_space=EmbeddingSpace("another", 8))
    for _ in range(3):
        found.look()
    assert (found.basis.watermark_s, len(refused)) == (W_S, 1)

    batch[0] = replace(DESCRIPTION, actions_until_s=W_S + 7)
    found.look()
    assert found.basis.watermark_s == W_S + 7


def test_there_must_be_something_to_begin_with() -> None:
    """Pins that cannot be used, or a batch of another space, are told to whoever started it."""

    def damaged() -> InMemoryPins:
        raise DamagedArtefactError("the index is damaged")

    with pytest.raises(DamagedArtefactError):
        Following(damaged, lambda: None, MODEL, count_refused=lambda: None)
    other = replace(DESCRIPTION, embedding_space=EmbeddingSpace("another", 8))
    with pytest.raises(EmbeddingSpaceMismatchError):
        following([other], [PINS], [])


def test_unused_parts_are_let_go() -> None:
    """A session that is closed lets the next one read the stream at once."""
    online = Online()
    online.events.append([event("ann", "cat-1")])
    online.run().close()

    assert not online.events.readers


@pytest.fixture
def collector() -> Iterator[None]:
    """Python's own, as it was, afterwards."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_the_collector_still_collects_what_goes_round_in_circles() -> None:
    """It is spared what was imported, and called more seldom; it is never off."""
    spare_the_collector()
    before = gc.get_stats()[0]["collections"]
    kept: list[list[int]] = [[] for _ in range(gc.get_threshold()[0] + 1_000)]

    assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_stats()[0]["collections"] > before
    assert kept
