"""Online profiles over what people run: a real Valkey for stream and store, a real artefact for the pins."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from profile_builder.online import OnlinePolicy, OnlineSession
from profile_builder.online_following import RETRY_S, LiveBatch, LivePins
from profile_builder.online_metrics import OnlineMetrics
from profile_builder.online_rejections import Rejections
from storage.errors import ArtefactError, OvertakenError, PartitionLostError
from storage.events.opening import open_appender, open_consumer, stream_name
from storage.events.records import Forget
from storage.pins.artefact import pin_versions
from storage.pins.layout import EMBEDDINGS
from storage.pins.side import side_versions
from storage.profiles.lmdb.publisher import LmdbBatchPublisher
from storage.profiles.opening import open_online_writer
from storage.profiles.store import OnlineWriter
from tests.profile_builder.online_world import W_S, basis_of, event
from tests.reliability.actions import publish_pins, publish_side
from tests.storage.profiles.people import DESCRIPTION, encoded, manifest
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()


def session(events: str, profiles: str) -> tuple[OnlineSession, OnlineMetrics]:
    """One of any number, each with a connection of its own."""
    metrics, basis = OnlineMetrics(), basis_of()
    return (
        OnlineSession(
            stream_name(events),
            lambda resume: open_consumer(events, resume=resume),
            open_online_writer(profiles),
            None,
            basis=lambda: basis,
            metrics=metrics,
            rejections=Rejections(),
            policy=OnlinePolicy(gather_s=0.0, tell_every_s=3_600.0),
        ),
        metrics,
    )


def test_two_processes_over_a_redis_take_turns(valkey: Valkey) -> None:
    """One reads, the other stands by and takes over: whoever it is goes on from the store."""
    profiles = valkey.url()
    events = f"redis://127.0.0.1:{valkey.port}/0?stream=events&lease_s={HANG_S:g}"
    with closing(open_appender(events)) as appender, closing(open_online_writer(profiles)) as writer:
        appender.append([event("ann", "cat-1", 1)])
        (first, _), (second, metrics) = session(events, profiles), session(events, profiles)
        first.step(1.0)
        appender.append([event("ann", "cat-2", 2), Forget("ben", W_S + 5), event("ben", "bee-1", 3)])
        # The first was not heard of for as long as its lease. Of what it stored the stream was told nothing.
        assert valkey.ask("DEL", "events:pinnersage:lease") == 1
        while not metrics.registry.get_sample_value("pinnersage_online_commit_seconds_count"):
            second.step(0.1)
        appender.append([event("ann", "cat-3", 3)])
        while len(pins_of(writer, "ann")) < 3:
            for each in (first, second):
                with suppress(OvertakenError, PartitionLostError):
                    each.step(0.05)

        assert pins_of(writer, "ann") == ("cat-1", "cat-2", "cat-3")
        assert pins_of(writer, "ben") == ()
        assert writer.forgotten(["ben"]) == {"ben": W_S + 5}
        for each in (first, second):
            each.close()


def pins_of(writer: OnlineWriter, user: str) -> tuple[str, ...]:
    profile = writer.get(user)
    return () if profile is None else profile.pin_ids


def test_pins_are_followed(tmp_path: Path) -> None:
    """A new version, and what is added to it; nothing is opened again that has not changed."""
    publish_pins(tmp_path, "first")
    live = LivePins(tmp_path)
    first = live.look()
    assert live.look() is first

    publish_side(tmp_path, "added", beside=first.version)
    joined = live.look()
    assert joined.n_pins > first.n_pins
    assert live.look() is joined

    publish_pins(tmp_path, "second")
    second = live.look()
    assert (second.version != first.version, second.n_pins) == (True, first.n_pins)


@pytest.mark.parametrize("damaged", ["pins", "added pins"])
def test_damaged_pins_are_read_once_in_some_minutes(tmp_path: Path, damaged: str) -> None:
    """Not every second, which keeps a disk busy for nothing; once mended they are found."""
    now_s = [0.0]
    live = LivePins(tmp_path, lambda: now_s[0])
    publish_pins(tmp_path, "first")
    before = live.look()
    if damaged == "pins":
        publish_pins(tmp_path, "second")
        folder = pin_versions(tmp_path).folder()
    else:
        publish_side(tmp_path, "added", beside=before.version)
        folder = side_versions(tmp_path).folder()
    file = folder / EMBEDDINGS
    content = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(bytes(len(content)))

    for _ in range(2):
        with pytest.raises(ArtefactError, match="does not match its checksum"):
            live.look()
    file.write_bytes(content)
    now_s[0] = RETRY_S - 1
    with pytest.raises(ArtefactError, match="does not match its checksum"):
        live.look()
    now_s[0] = RETRY_S
    assert live.look().version != before.version


def test_batches_are_followed(tmp_path: Path) -> None:
    """None at first; then the live one, and after a rollback the one before."""
    live, publisher = LiveBatch(str(tmp_path)), LmdbBatchPublisher(tmp_path)
    assert live.look() is None

    versions = [publisher.publish([encoded("ann", pin)], [], manifest).version for pin in ("cat-1", "cat-2")]
    found = live.look()
    assert found is not None
    assert (found.version, found.actions_until_s) == (versions[1], DESCRIPTION.actions_until_s)
    assert live.look() is found

    publisher.roll_back()
    back = live.look()
    assert back is not None
    assert back.version == versions[0]
