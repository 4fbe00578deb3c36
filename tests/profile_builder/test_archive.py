"""The archive: every accepted event once, in files that the next batch reads, whatever dies in between."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from profile_builder import archive, archive_files, archive_spool
from profile_builder.archive import Archive, ArchiveMark
from profile_builder.archive_spool import Spool, whole_bytes
from profile_builder.archive_tombstones import buried, bury
from profile_builder.batch import run_batch
from profile_builder.errors import ArchiveError
from profile_builder.inputs import ActionInput
from profile_builder.reading import find_action_files
from storage.events.records import Event, Forget
from storage.model_file import write_model_file
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.opening import open_reader
from storage.rejects import Rejects
from tests.profile_builder.conftest import Shop, Terminal
from tests.profile_builder.online_world import AT_ONCE, DESCRIPTION, W_S, Online, event
from tests.profile_builder.world import MODEL, POLICY, WEIGHTS, make_parts
from tests.reliability.faults import SHORT_WRITE, limited


def rows(folder: Path) -> list[tuple[str, str, int]]:
    """What the files hold, file by file."""
    read = [
        row for path in sorted(folder.rglob("*.parquet")) for row in pq.ParquetFile(path).read().to_pylist()
    ]
    return [(row["user_id"], row["pin_id"], row["timestamp"]) for row in read]


def of(*events: Event) -> list[tuple[str, str, int]]:
    return [(each.user_id, each.pin_id, each.timestamp_s) for each in events]


@pytest.fixture
def online(tmp_path: Path) -> Iterator[Online]:
    online = Online(archive=tmp_path / "actions")
    yield online
    online.end()


def finish(online: Online) -> list[tuple[str, str, int]]:
    """Count the rest, end, and read all files."""
    assert online.archive is not None
    session = online.run()
    session.finish()
    online.end()
    return rows(online.archive)


def test_accepted_events_become_files_by_day(online: Online) -> None:
    """Also those that make no interest: the next batch may know the pin, or list the action."""
    events = [
        event("ann", "cat-1", 5),
        event("ann", "dog-1", 6),
        event("ben", "bee-1", 7, "share", "id-1"),
        event("ben", "bee-2", 86_400 * 2),
        event("ann", "cat-2", 4),
    ]
    online.now_s += 86_400 * 2
    online.events.append(events)
    online.events.append_line("ann", b"nonsense")

    assert sorted(finish(online)) == sorted(of(*events))

    assert online.archive is not None
    folders = [folder.name for folder in sorted(online.archive.glob("date=*"))]
    assert folders == ["date=2023-11-13", "date=2023-11-15"]
    (first,) = (online.archive / folders[0]).iterdir()
    table = pq.ParquetFile(first).read()
    assert table["timestamp"].to_pylist() == [W_S + 5, W_S + 6, W_S + 7, W_S + 4]
    assert table["event_id"].to_pylist() == [None, None, "id-1", None]


def test_the_loop_closes(online: Online, tmp_path: Path) -> None:
    """What was archived is the next batch's input, as it is."""
    online.events.append([event("ann", f"cat-{at}", at) for at in range(5)] + [event("ann", "car-1", 9)])
    finish(online)
    assert online.archive is not None

    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        parts = make_parts(online.archive, tmp_path / "profiles", rejects)
        parts = replace(parts, source=ActionInput(files=find_action_files(online.archive), weights=WEIGHTS))
        run_batch(parts, POLICY)

    profiles = open_reader(str(tmp_path / "profiles"))
    ann = profiles.batch("ann")
    profiles.close()
    assert ann is not None
    assert {pin.partition("-")[0] for pin in ann.interests.medoid_pin_ids} == {"cat", "car"}


class Died(BaseException):
    """The process is no more."""


class Fuse:
    """Dies before or after one of all the steps that leave something behind.

    Args:
        left: So many moments are survived.
    """

    def __init__(self, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = left
        places: tuple[tuple[object, str], ...] = (
            (InMemoryProfiles, "commit"),
            (Spool, "_write"),
            (archive_spool, "sync"),
            (archive_files, "sync"),
            (archive, "sync"),
            (Path, "mkdir"),
            (Path, "replace"),
            (Path, "unlink"),
        )
        for owner, name in places:
            monkeypatch.setattr(owner, name, self._around(getattr(owner, name)))

    def _around(self, step: Callable[..., object]) -> Callable[..., object]:
        def done(*given: object, **named: object) -> object:
            self._burn()
            answer = step(*given, **named)
            self._burn()
            return answer

        return done

    def _burn(self) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1


N_MOMENTS = 120


@pytest.mark.parametrize("second", [None, 3, 12])
def test_a_row_is_there_exactly_if_its_event_was_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: int | None
) -> None:
    """Whenever the process dies, and again on its way back: every event is there once, none twice."""
    events = [event("ann", f"cat-{at % 10}", 30_000 * at) for at in range(9)]
    n_deaths = 0
    for moment in range(second or 0, N_MOMENTS, 7 if second is None else 23):
        online = Online(archive=tmp_path / f"{moment}", now_s=W_S + 1e6)
        online.events.append(events[:4])
        online.run().finish()
        online.events.append(events[4:])
        n_deaths += _dies(online, moment, monkeypatch)
        if second is not None:
            n_deaths += _dies(online, second, monkeypatch)

        assert sorted(finish(online)) == sorted(of(*events)), f"died at {moment}"
    # The last moments lie behind the end: all before them were met.
    assert n_deaths > 3


def _dies(online: Online, moment: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Count all that there is, in several commits and turns, until the moment comes; whether it came."""
    with monkeypatch.context() as doomed:
        Fuse(moment, doomed)
        try:
            online.policy = replace(AT_ONCE, max_events=2, turn_rows=3)
            online.run().finish()
        except Died:
            return True
    return False


def test_each_writer_has_a_place_of_its_own(tmp_path: Path) -> None:
    """Several may write one archive; a place that is free again is taken first."""
    first, second = Archive(tmp_path), Archive(tmp_path)
    assert first.name != second.name
    first.close()
    again = Archive(tmp_path)
    assert again.name == first.name
    for each in (again, second):
        each.close()


def test_what_a_writer_left_becomes_files_by_another(online: Online) -> None:
    """One that was scaled away, or whose machine is gone: the next that begins, or turns, makes its files."""
    assert online.archive is not None
    beside = Archive(online.archive)
    online.events.append([event("ann", "cat-1", 1)])
    online.run()
    online.end()
    assert rows(online.archive) == []

    other = Online(store=online.store, archive=online.archive, events=online.events)
    beside.close()
    other.events.append([event("ann", "cat-2", 2)])
    assert sorted(finish(other)) == of(event("ann", "cat-1", 1), event("ann", "cat-2", 2))


def test_what_is_of_another_store_is_left_alone(online: Online) -> None:
    """Its rows count there: nobody else can say which."""
    online.events.append([event("ann", "cat-1", 1)])
    assert online.archive is not None
    beside = Archive(online.archive)
    online.run()
    online.end()
    beside.close()

    assert finish(Online(archive=online.archive)) == []
    online.run().finish()
    assert rows(online.archive) == of(event("ann", "cat-1", 1))


def test_who_lost_the_store_writes_over_no_file(online: Online) -> None:
    """The online file was removed: the archive keeps what it has, and what was in no file yet becomes one."""
    online.events.append([event("ann", "cat-1", 1)])
    finish(online)
    online.events.append([event("ann", "cat-2", 2)])
    online.run().tell()
    online.end()
    online.store = InMemoryProfiles(DESCRIPTION)
    online.events.append([event("ann", "cat-3", 3)])

    assert sorted(finish(online)) == of(*(event("ann", f"cat-{at}", at) for at in (1, 2, 3)))


def test_who_lost_the_store_keeps_the_rows_before_a_cut(online: Online) -> None:
    """A crash cut short what was being appended, and the store is lost, too: what is whole becomes a file."""
    online.events.append([event("ann", "cat-1", 1)])
    online.run().tell()
    assert online.archive is not None
    (spool,) = (online.archive / "_spool-0").glob("*.arrow")
    with spool.open("ab") as file:
        file.write(b"torn")
    online.store = InMemoryProfiles(DESCRIPTION)

    assert finish(online) == of(event("ann", "cat-1", 1))


def test_a_spool_without_a_mark_counts_up_to_its_last_whole_rows(tmp_path: Path) -> None:
    """Wherever it was cut."""
    path = tmp_path / "000001.arrow"
    spool, ends = Spool(path), [0]
    for at in (1, 2):
        spool.append([event("ann", f"cat-{at}", at)])
        ends.append(spool.n_bytes)
    spool.close()
    content = path.read_bytes()
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        assert whole_bytes(path) == max(end for end in ends if end <= cut)


def test_marks_of_another_archive_mean_nothing(online: Online, tmp_path: Path) -> None:
    """A folder that was emptied, or another one, begins where the stream is; its name tells it apart."""
    online.events.append([event("ann", "cat-1", 1)])
    finish(online)
    online.archive = tmp_path / "other"
    online.events.append([event("ann", "cat-2", 2)])

    assert finish(online) == of(event("ann", "cat-2", 2))


def test_a_spool_that_was_cut_short_is_not_gone_on_from(online: Online) -> None:
    """What was accepted cannot be made up; a person is told what to do."""
    online.events.append([event("ann", "cat-1", 1)])
    online.run()
    assert online.archive is not None
    (spool,) = (online.archive / "_spool-0").glob("*.arrow")
    content = spool.read_bytes()
    spool.write_bytes(content[:-1])

    session = online.session
    with pytest.raises(ArchiveError, match="shorter than what was written to it"):
        session()

    spool.write_bytes(content)
    assert finish(online) == of(event("ann", "cat-1", 1))


@pytest.mark.parametrize("mark", ["", "1", "1:2:3", "one:2", "1:2 3"])
def test_a_mark_that_is_none_is_refused(mark: str) -> None:
    """Whatever lies there, nothing is guessed from it."""
    with pytest.raises(ArchiveError, match="is no mark of an archive"):
        ArchiveMark.parse(mark)


def test_files_are_made_when_there_are_many_rows(online: Online) -> None:
    """And when their time has come, but never without a row."""
    assert online.archive is not None
    online.policy = replace(AT_ONCE, max_events=2, turn_rows=4, turn_every_s=0.0)
    session = online.session()
    online.step(session)
    assert rows(online.archive) == []
    online.events.append([event("ann", "cat-1", at) for at in range(2)])
    online.step(session)
    assert len(rows(online.archive)) == 2

    online.policy = replace(AT_ONCE, max_events=2, turn_rows=4)
    session = online.session()
    online.events.append([event("ann", "cat-1", at) for at in range(2, 10)])
    counts = []
    while online.step(session):
        counts.append(len(rows(online.archive)))
    assert counts == [2, 6, 6, 10]


def test_who_is_forgotten_is_passed_over(online: Online) -> None:
    """What they did up to then is not archived any more, and a tombstone lies beside what was."""
    online.events.append([event("ann", "cat-1", 5), event("ben", "cat-1", 5)])
    session = online.run()
    online.events.append([Forget("ann", W_S + 10), event("ann", "cat-2", 9), event("ann", "cat-3", 11)])
    online.run(session)
    assert online.archive is not None

    assert sorted(pin for user, pin, _ in finish(online) if user == "ann") == ["cat-1", "cat-3"]
    assert buried(online.archive) == {"ann": W_S + 10}


def test_tombstones_beside_rows_survive_a_line_cut_short(tmp_path: Path) -> None:
    """The latest of each user counts; half a line is nobody's, and spoils no other."""
    assert buried(tmp_path) == {}
    bury(tmp_path, "ann", 5)
    with (tmp_path / "_forgotten.jsonl").open("a") as file:
        file.write('{"user_id": "ben", "un')
    bury(tmp_path, "ann\nü", 7)
    bury(tmp_path, "ann", 3)

    assert buried(tmp_path) == {"ann": 5, "ann\nü": 7}


def test_who_is_forgotten_on_a_full_disk_is_told(tmp_path: Path) -> None:
    """Nothing is acknowledged whose line is cut short, wherever that is; with room it is, once said again."""
    bury(tmp_path, "ann", 5)
    file = tmp_path / "_forgotten.jsonl"
    for n_left in range(len('\n{"user_id": "ben", "until": 7')):
        room = file.stat().st_size + n_left
        with limited(SHORT_WRITE, room), pytest.raises(OSError, match="File too large"):
            bury(tmp_path, "ben", 7)
        assert buried(tmp_path) == {"ann": 5}
    bury(tmp_path, "ben", 7)

    assert buried(tmp_path) == {"ann": 5, "ben": 7}


def test_who_is_forgotten_by_two_writers_at_once_is_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that was written in part, with another's behind it, is written again and not gone on with."""
    write = os.write

    def in_part(descriptor: int, content: bytes) -> int:
        monkeypatch.undo()
        n_written = write(descriptor, content[:9])
        bury(tmp_path, "ben", 7)
        return n_written

    monkeypatch.setattr(os, "write", in_part)
    bury(tmp_path, "ann", 5)

    assert buried(tmp_path) == {"ann": 5, "ben": 7}


def test_who_is_forgotten_is_so_after_a_loss_of_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is on the disk, and then the file's entry: also of a file that another made."""
    (tmp_path / "_forgotten.jsonl").touch()
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    bury(tmp_path, "ann", 5)

    assert synced == [str(tmp_path / "_forgotten.jsonl"), str(tmp_path)]


def test_a_batch_over_an_archive_passes_over_whom_that_forgot(
    shop: Shop, run: Terminal, tmp_path: Path
) -> None:
    """Whatever profile store it publishes into: the folder alone says it."""
    online = Online(archive=tmp_path / "actions")
    online.events.append([event("ann", "cat-1", 5), event("ben", "cat-1", 5)])
    finish(online)
    online.events.append([Forget("ann", W_S + 10)])
    finish(online)
    write_model_file(shop.model, MODEL)

    given = ("--actions", tmp_path / "actions", "--pins", shop.pins, "--model", shop.model)
    assert run("batch", *given, "--profiles", shop.profiles) == 0, run.err

    profiles = open_reader(str(shop.profiles))
    assert profiles.batch("ann") is None
    assert profiles.batch("ben") is not None
    profiles.close()
