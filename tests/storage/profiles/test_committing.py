"""What every store promises a writer that keeps its records and how far it has read together."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from storage.errors import DamagedRecordError, OvertakenError
from storage.profiles.lmdb.environments import Environment, Hold
from storage.profiles.lmdb.online import FILE, ONLINE_FOLDER, LmdbOnlineWriter, OnlineRecords
from storage.profiles.marks import mark_key
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.newest import NewestAction, actions_of
from storage.profiles.opening import open_online_writer
from storage.profiles.store import Mark, OnlineWriter
from tests.storage.profiles.people import DESCRIPTION, WATERMARK_S, online, same


@pytest.fixture(params=["memory", "lmdb", "redis"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineWriter]:
    writer: OnlineWriter
    if request.param == "memory":
        writer = InMemoryProfiles(DESCRIPTION)
    elif request.param == "lmdb":
        writer = open_online_writer(str(tmp_path))
    else:
        writer = open_online_writer(request.getfixturevalue("valkey").url())
    yield writer
    writer.close()


def test_records_and_marks_are_there_together(writer: OnlineWriter) -> None:
    """One commit stores many users and how far the stream was read."""
    ann, ben = online("ann", "cat-1", "cat-2"), online("ben", "dog-1")

    writer.commit([ann, ben], {"events/0": Mark(None, "17"), "events/名": Mark(None, "5-1")})

    assert same(writer.get("ann"), ann)
    assert same(writer.get("ben"), ben)
    assert [writer.mark(name) for name in ("events/0", "events/名", "events/1")] == ["17", "5-1", None]


def test_who_was_overtaken_stores_nothing(writer: OnlineWriter) -> None:
    """Two writers that read the same part of a stream: the slower one's records never replace newer ones."""
    writer.commit([online("ann", "cat-1")], {"events/0": Mark(None, "10"), "events/1": Mark(None, "3")})
    newer = online("ann", "cat-1", "cat-2")
    writer.commit([newer], {"events/0": Mark("10", "20")})

    for before in (None, "10"):
        late = {"events/1": Mark("3", "4"), "events/0": Mark(before, "15")}
        with pytest.raises(OvertakenError, match="another has gone on"):
            writer.commit([online("ann", "cat-1"), online("ben", "dog-1")], late)

    assert same(writer.get("ann"), newer)
    assert writer.get("ben") is None
    assert (writer.mark("events/0"), writer.mark("events/1")) == ("20", "3")


def test_newest_actions_come_without_their_interests(writer: OnlineWriter) -> None:
    """Of those who have a record, in the order they are stored; others are not named."""
    ann, ben = online("ann", "cat-1", "cat-2"), online("ben")
    writer.commit([ann, ben], {})

    newest = writer.newest(["ben", "nobody", "ann"])

    assert newest.of == {
        "ann": [
            NewestAction(WATERMARK_S + 60, "cat-1", 0, 0.5),
            NewestAction(WATERMARK_S + 120, "cat-2", 0, 0.5),
        ],
        "ben": [],
    }
    assert not newest.damaged
    assert writer.newest([]).of == {}


def test_what_tells_events_apart_is_kept(writer: OnlineWriter) -> None:
    """All 64 bits of it come back."""
    hashes = np.array([2**64 - 1, 7], np.uint64)
    written = online("ann", "cat-1", "cat-2")
    object.__setattr__(written, "event_hashes", hashes)

    writer.commit([written], {})

    assert [action.event_hash for action in writer.newest(["ann"]).of["ann"]] == hashes.tolist()


def test_readers_pass_over_marks(tmp_path: Path) -> None:
    """A file that holds marks opens, is checked whole, and nobody is taken for a mark."""
    writer = LmdbOnlineWriter(tmp_path)
    writer.commit([online("ann", "cat-1")], {"events/0": Mark(None, "10")})
    writer.close()

    records = OnlineRecords(tmp_path)
    assert same(records.get("ann"), online("ann", "cat-1"))
    assert records.get("events/0") is None
    records.close()


def _unopened(path: Path) -> Environment:
    raise AssertionError(f"{path} is open already")


def test_a_damaged_mark_is_not_gone_on_from(tmp_path: Path) -> None:
    """A mark that somebody else's value lies under is refused: it would skip what was never counted."""
    writer = LmdbOnlineWriter(tmp_path)
    writer.commit([], {"events/0": Mark(None, "10"), "events/1": Mark(None, "99")})
    hold = Hold(tmp_path / ONLINE_FOLDER / FILE, _unopened)
    other = hold.environment.get(mark_key("events/1"))
    assert other is not None
    hold.environment.put(mark_key("events/0"), other)

    with pytest.raises(DamagedRecordError, match="events/0"):
        writer.mark("events/0")
    hold.close()
    writer.close()


def test_a_damaged_record_keeps_no_others_from_being_read(tmp_path: Path) -> None:
    """Its user is named, so that they can begin anew."""
    writer = LmdbOnlineWriter(tmp_path)
    writer.commit([online("ann", "cat-1"), online("ben", "dog-1")], {})
    hold = Hold(tmp_path / ONLINE_FOLDER / FILE, _unopened)
    hold.environment.put(b"ann", b"nonsense")

    newest = writer.newest(["ann", "ben"])

    assert newest.damaged == ["ann"]
    assert newest.of == {"ben": actions_of(online("ben", "dog-1"))}
    hold.close()
    writer.close()
