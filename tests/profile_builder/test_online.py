"""The online profiles: every event counted once, whatever comes twice, late, from elsewhere, or dies."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from structlog.testing import capture_logs

from profile_builder.online_metrics import OnlineMetrics
from profile_builder.online_rejections import TELL_EVERY_S, Rejections
from profile_builder.online_users import online_profiles
from storage.errors import DamagedRecordError, OvertakenError, StoreUnavailableError
from storage.events.memory import InMemoryConsumer
from storage.events.records import Event, Forget
from storage.events.stream import Rejected
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.newest import Newest, NewestAction
from storage.profiles.records import OnlineProfile
from storage.profiles.store import Mark
from tests.profile_builder.online_world import DESCRIPTION, W_S, Online, basis_of, event
from tests.profile_builder.world import NEWEST_S
from tests.storage.profiles.people import same


@pytest.fixture
def online() -> Online:
    return Online()


def pins_of(online: Online, user: str) -> tuple[str, ...]:
    profile = online.store.get(user)
    return () if profile is None else profile.pin_ids


def test_what_a_user_does_becomes_their_record(online: Online) -> None:
    """The actions with their weights, and the interests of those after the watermark."""
    online.events.append([event("ann", "cat-1", 5), event("ann", "bee-1", 9, "love"), event("ben", "cat-2")])

    online.run()

    ann = online.store.get("ann")
    assert ann is not None
    assert (ann.pin_ids, ann.weights.tolist()) == (("cat-1", "bee-1"), [1.0, 3.0])
    assert ann.interests.medoid_pin_ids == ("bee-1", "cat-1")
    assert (ann.parameters_version, ann.actions_after_s) == (online.basis.parameters_version, W_S)
    assert pins_of(online, "ben") == ("cat-2",)
    assert online.outcomes() == {"counted": 3}


def test_late_events_take_their_place(online: Online) -> None:
    """One older than the watermark is kept, in order, and makes no interest: the next batch counts it."""
    online.events.append([event("ann", "cat-1", 5)])
    session = online.run()
    online.events.append([event("ann", "cow-1", -100), event("ann", "bee-1", 2)])
    online.run(session)

    ann = online.store.get("ann")
    assert ann is not None
    assert ann.pin_ids == ("cow-1", "bee-1", "cat-1")
    assert set(ann.interests.medoid_pin_ids) == {"bee-1", "cat-1"}


def test_what_is_read_again_counts_once(online: Online) -> None:
    """The same events, by content or by id, in whichever commit: nothing is written for them."""
    events = [event("ann", "cat-1", 5), event("ann", "cat-1", 5, event_id="x")]
    online.events.append([*events, *events])
    online.run()
    once = online.store.get("ann")
    online.events.append(events)
    online.run()

    assert once is not None
    assert once.pin_ids == ("cat-1", "cat-1")
    assert online.store.get("ann") is once
    assert online.outcomes() == {"counted": 2, "known": 4}


def test_a_partition_that_another_took_is_no_failure(online: Online) -> None:
    """Where others join a group is not where anybody ends: who has nothing to tell any more goes on."""
    online.events.append([event("ann", "cat-1", 5)])
    session = online.run()
    online.events.readers.clear()
    other = InMemoryConsumer(online.events, now=lambda: online.now_s)
    other.read(1, 0.001)

    session.tell()
    other.close()
    online.events.append([event("ann", "bee-1", 9)])
    online.run(session)

    assert pins_of(online, "ann") == ("cat-1", "bee-1")
    assert online.outcomes() == {"counted": 2}


def test_what_is_not_counted_is_said(online: Online) -> None:
    """Unknown pins, actions that the data set does not list, the future, and what is no record."""
    online.events.append(
        [event("ann", "dog-1"), event("ann", "cat-1", action="share"), event("ann", "cat-2")]
    )
    online.events.append([Event("ann", "cat-3", NEWEST_S + 3_601, "save")])
    online.events.append_line("ann", b"nonsense")

    online.run()

    assert pins_of(online, "ann") == ("cat-2",)
    assert online.outcomes() == {"counted": 1, "unknown_pin": 1, "not_listed": 1}
    assert online.counted("rejected_total", reason="time in the future") == 1
    assert online.counted("rejected_total", reason="not JSON") == 1


def test_where_it_is_that_is_no_record_is_said() -> None:
    """Not each time: the first of a reason, and later how many came since; never what it says of whom."""
    now_s = [0.0]
    rejections = Rejections(lambda: now_s[0])
    said = [Rejected("0", str(place), "not JSON", '{"user_id": "ann"') for place in range(7)]
    with capture_logs() as logs:
        rejections.add(said[:1])
        rejections.add(said[1:4])
        rejections.add([Rejected("1", "9", "no pin id", "")])
        now_s[0] = TELL_EVERY_S - 0.1
        rejections.add(said[4:])
        now_s[0] = TELL_EVERY_S
        rejections.tell()
        now_s[0] = 10 * TELL_EVERY_S
        rejections.tell()

    line = {"event": "rejected", "log_level": "warning"}
    assert logs == [
        {**line, "reason": "not JSON", "n": 1, "partition": "0", "position": "0"},
        {**line, "reason": "no pin id", "n": 1, "partition": "1", "position": "9"},
        {**line, "reason": "not JSON", "n": 6, "partition": "0", "position": "1"},
    ]


def test_a_session_says_what_it_rejects(online: Online) -> None:
    """As it reads it."""
    online.events.append_line("ann", b"nonsense")
    with capture_logs() as logs:
        online.run()

    assert [(each["reason"], each["n"]) for each in logs if each["event"] == "rejected"] == [("not JSON", 1)]


def test_when_all_went_well_last_is_shown(online: Online) -> None:
    """Also where nothing came; not while the store fails, however long that takes."""
    now_s = [100.0]
    online.store = failing = _Failing(DESCRIPTION)
    online.metrics = OnlineMetrics(lambda: now_s[0])
    assert online.counted("last_success_seconds") == 100.0
    session = online.session()
    now_s[0] = 160.0
    session.step(0.001)
    assert online.counted("last_success_seconds") == 160.0

    online.events.append([event("ann", "cat-1")])
    failing.fails_before = True
    now_s[0] = 220.0
    with pytest.raises(StoreUnavailableError):
        session.step(0.001)
    assert online.counted("last_success_seconds") == 160.0


def test_whoever_follows_goes_on_from_the_store(online: Online) -> None:
    """The stream was never told; the store knows."""
    online.events.append([event("ann", "cat-1")])
    online.run()
    online.events.append([event("ann", "cat-2", 2)])
    assert not online.events.committed

    online.run()

    assert online.outcomes() == {"counted": 2}


def test_the_stream_is_told_in_the_end(online: Online) -> None:
    """Others that look at the group see how far it is."""
    online.events.append([event("ann", "cat-1"), event("ann", "cat-2", 2)])
    session = online.run()

    session.finish()
    session.close()

    assert online.events.committed == {("pinnersage", "0"): 2}
    assert online.counted("lag_records") == 0


class _Failing(InMemoryProfiles):
    """Fails a commit, before or after it is made."""

    fails_before = fails_after = False

    def commit(self, profiles: Sequence[OnlineProfile], marks: Mapping[str, Mark]) -> None:
        if self.fails_before:
            raise StoreUnavailableError("the network is gone")
        super().commit(profiles, marks)
        if self.fails_after:
            raise StoreUnavailableError("the answer was lost")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_that_failed_is_made_good(when: str) -> None:
    """Whether it was made or not, which nobody can tell: the next session leaves nothing out."""
    store = _Failing(DESCRIPTION)
    online = Online(store=store)
    online.events.append([event("ann", "cat-1")])
    session = online.session()
    setattr(store, f"fails_{when}", True)
    with pytest.raises(StoreUnavailableError):
        session.step(0.001)
    setattr(store, f"fails_{when}", False)
    online.events.append([event("ann", "cat-2", 2)])

    online.run()

    assert pins_of(online, "ann") == ("cat-1", "cat-2")


def test_who_was_overtaken_stores_nothing(online: Online) -> None:
    """A session that hung while another took over finds out before it harms anything."""
    online.events.append([event("ann", "cat-1")])
    hung = online.run()
    online.events.append([event("ann", "cat-2", 2)])
    following = online.run()
    online.events.append([event("ann", "cat-3", 3)])

    with pytest.raises(OvertakenError):
        hung.step(0.001)

    online.run(following)
    assert pins_of(online, "ann") == ("cat-1", "cat-2", "cat-3")


def test_another_batch_moves_the_watermark(online: Online) -> None:
    """From then on records are made with it; those of idle users stay, and their readers recompute."""
    online.events.append([event("ann", "cat-1", 5), event("ben", "cat-1", 5)])
    session = online.run()
    online.basis = basis_of(W_S + 6)
    online.events.append([event("ann", "bee-1", 7)])
    online.run(session)

    ann, ben = online.store.get("ann"), online.store.get("ben")
    assert ann is not None
    assert ben is not None
    assert (ann.pin_ids, ann.interests.medoid_pin_ids) == (("cat-1", "bee-1"), ("bee-1",))
    assert (ann.actions_after_s, ben.actions_after_s) == (W_S + 6, W_S)


def test_a_record_that_cannot_be_trusted_is_begun_anew(online: Online) -> None:
    """One user loses their newest actions until the next batch; nobody else notices."""

    class Damaged(InMemoryProfiles):
        def newest(self, user_ids: Sequence[str]) -> Newest:
            newest = super().newest(user_ids)
            return replace(newest, of={}, damaged=[*newest.of])

    online.store = Damaged(DESCRIPTION)
    online.events.append([event("ann", "cat-1")])
    session = online.run()
    online.events.append([event("ann", "cat-2", 2), event("ben", "bee-1")])
    online.run(session)

    assert (pins_of(online, "ann"), pins_of(online, "ben")) == (("cat-2",), ("bee-1",))
    assert online.counted("damaged_records_total") == 1


def test_who_asked_to_be_forgotten_does_not_come_back(online: Online) -> None:
    """Neither from events before the wish, in whatever order they arrive, nor from those read again."""
    online.events.append(
        [
            event("ann", "cat-1", 5),
            Forget("ann", W_S + 10),
            event("ann", "cat-2", 10),
            event("ann", "cat-3", 11),
            event("ben", "cat-1", 5),
        ]
    )
    session = online.run()
    online.events.append([event("ann", "cow-1", 9)])
    online.run(session)

    assert (pins_of(online, "ann"), pins_of(online, "ben")) == (("cat-3",), ("cat-1",))
    assert online.outcomes() == {"counted": 2, "forgotten": 3, "forget": 1}


def test_a_tombstone_that_cannot_be_read_holds_up_nobody_else(online: Online) -> None:
    """Nothing of its user is counted, because nobody knows what they asked for."""

    class Damaged(InMemoryProfiles):
        def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
            if "ann" in user_ids:
                raise DamagedRecordError("damaged record, tombstone")
            return dict(super().forgotten(user_ids))

        def forget(self, user_id: str, until_s: int) -> None:
            self.forgotten([user_id])
            super().forget(user_id, until_s)

    online.store = Damaged(DESCRIPTION)
    online.store.forget("cid", W_S + 5)
    online.events.append([event("ann", "cat-1"), event("ben", "cat-1"), event("cid", "cat-1")])
    online.events.append([Forget("ann", W_S + 9)])

    online.run()

    assert [pins_of(online, user) for user in ("ann", "ben", "cid")] == [(), ("cat-1",), ()]
    assert online.counted("damaged_records_total") == 1
    assert online.outcomes() == {"counted": 1, "forgotten": 2, "forget": 1}


def test_a_record_of_an_earlier_version_is_gone_on_from(online: Online) -> None:
    """Nothing tells its events apart but pin and time: what it counted does not count again."""
    (written,) = online_profiles({"ann": [NewestAction(W_S + 5, "cat-1", 0, 1.0)]}, basis_of())
    online.store.put(replace(written, event_hashes=np.empty(0, np.uint64)))
    online.events.append([event("ann", "cat-1", 5), event("ann", "cat-2", 6)])

    online.run()

    assert pins_of(online, "ann") == ("cat-1", "cat-2")


def test_any_portions_make_the_same_records() -> None:
    """One event at a time, in threes, or all at once; in several partitions."""
    events = [event(f"user-{at % 7}", f"cat-{at % 10}", at) for at in range(200)]
    found: list[dict[str, OnlineProfile]] = []
    for portion in (1, 3, 1_000):
        online = Online(policy=replace(Online().policy, max_events=portion))
        online.events.append(events)
        online.run()
        records = {user: online.store.get(user) for user in {each.user_id for each in events}}
        found.append({user: record for user, record in records.items() if record is not None})
        assert len(found[-1]) == 7

    for others in found[1:]:
        assert all(same(others[user], profile) for user, profile in found[0].items())
    assert len(found[0]["user-0"].pin_ids) == 20
