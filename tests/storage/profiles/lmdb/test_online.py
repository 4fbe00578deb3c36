"""The one writer of online records and its readers: durable, exclusive, and plain about every refusal."""

import resource
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import lmdb
import pytest

from storage.errors import (
    DamagedRecordError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from storage.profiles.lmdb.online import FILE, ONLINE_FOLDER, WRITER_LOCK, LmdbOnlineWriter, OnlineRecords
from tests.storage.profiles.lmdb.conftest import ReadOnly
from tests.storage.profiles.people import online, same

ROOT = Path(__file__).parents[4]

# Puts user-0, user-1, ... and says so after each, until it is killed.
ENDLESS_WRITER = """
import sys
from contextlib import closing
from pathlib import Path
from storage.profiles.lmdb.online import LmdbOnlineWriter
from tests.storage.profiles.people import online
writer = LmdbOnlineWriter(Path(sys.argv[1]))
for n in range(1_000_000):
    writer.put(online(f"user-{n}", f"pin-{n}"))
    print(n, flush=True)
"""


def file_of(profiles: Path) -> Path:
    return profiles / ONLINE_FOLDER / FILE


def put(profiles: Path, *names: str) -> None:
    writer = LmdbOnlineWriter(profiles)
    for name in names:
        writer.put(online(name, f"pin-of-{name}"))
    writer.close()


def put_until_refused(writer: LmdbOnlineWriter, stored: list[str]) -> None:
    for n in range(10_000):
        writer.put(online(f"user-{n}", *(f"a-pin-with-a-long-id-{i}" for i in range(20))))
        stored.append(f"user-{n}")


def test_without_a_writer_there_simply_are_no_records(tmp_path: Path) -> None:
    """No folder is an ordinary state; reading makes none."""
    records = OnlineRecords(tmp_path)
    assert records.get("85123A") is None
    records.close()
    assert not (tmp_path / ONLINE_FOLDER).exists()


def test_the_instant_before_the_file_has_content_is_no_error(tmp_path: Path) -> None:
    """A first writer has created the file and not yet written to it."""
    file_of(tmp_path).parent.mkdir()
    file_of(tmp_path).touch()
    assert OnlineRecords(tmp_path).get("85123A") is None


def test_an_acknowledged_put_survives_kill_9(tmp_path: Path) -> None:
    """Every record the writer said it had put is there, read beside it and after its death."""
    records = OnlineRecords(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS_WRITER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            last = int(writer.stdout.readline())
            assert same(records.get(f"user-{last}"), online(f"user-{last}", f"pin-{last}"))
        with pytest.raises(StoreUnavailableError, match=f"writer already: process {writer.pid} on "):
            LmdbOnlineWriter(tmp_path)
        writer.send_signal(signal.SIGKILL)
    records.close()

    put(tmp_path, "next")
    records = OnlineRecords(tmp_path)
    assert all(same(records.get(f"user-{n}"), online(f"user-{n}", f"pin-{n}")) for n in range(last + 1))
    assert records.get("next") is not None
    records.close()


def test_a_second_writer_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    """It hears who the writer is and what to do."""
    first = LmdbOnlineWriter(tmp_path)
    with pytest.raises(StoreUnavailableError, match=r"process \d+ on .*\. Only one may write"):
        LmdbOnlineWriter(tmp_path)
    first.put(online("85123A", "cat-1"))
    first.close()

    second = LmdbOnlineWriter(tmp_path)
    assert second.get("85123A") is not None
    second.close()


def test_a_full_map_loses_nothing(tmp_path: Path) -> None:
    """What was stored before stays, is read, and a larger map goes on from there."""
    writer = LmdbOnlineWriter(tmp_path, map_bytes=1 << 16)
    stored: list[str] = []
    with pytest.raises(StoreFullError, match=r"no room is left .* What was stored before stays"):
        put_until_refused(writer, stored)
    assert stored
    assert all(writer.get(name) is not None for name in stored)
    writer.close()

    larger = LmdbOnlineWriter(tmp_path)
    larger.put(online("one more", "cat-1"))
    assert all(larger.get(name) is not None for name in (*stored, "one more"))
    larger.close()


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """The process may not make files larger: the put is refused, and later ones work again."""
    writer = LmdbOnlineWriter(tmp_path)
    writer.put(online("first", "cat-1"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_of(tmp_path).stat().st_size, limits[1]))
    try:
        with pytest.raises(StoreFullError, match="no room is left"):
            put_until_refused(writer, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    writer.put(online("later", "cat-2"))

    assert same(writer.get("first"), online("first", "cat-1"))
    assert same(writer.get("later"), online("later", "cat-2"))
    writer.close()


def test_a_first_file_that_the_disk_cut_short_is_no_lasting_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is removed, so that the writer can begin once there is room; a file that was there before is not."""

    def cut_short(path: str, **_: object) -> None:
        Path(path).write_bytes(bytes(4_096))
        raise lmdb.DiskError(f"{path}: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(lmdb, "open", cut_short)
        with pytest.raises(StoreFullError, match="No space left on device"):
            LmdbOnlineWriter(tmp_path)
    assert not file_of(tmp_path).exists()
    put(tmp_path, "ann")
    file_of(tmp_path).write_bytes(file_of(tmp_path).read_bytes()[:4_096])
    with pytest.raises(StoreUnavailableError, match=r"truncated|damaged"):
        LmdbOnlineWriter(tmp_path)
    assert file_of(tmp_path).stat().st_size == 4_096


def test_a_read_only_folder_is_read_and_not_written(open_folder: Path, read_only: ReadOnly) -> None:
    """Readers need no right to write; a writer is told that it has none."""
    put(open_folder, "ann")
    with read_only():
        records = OnlineRecords(open_folder)
        assert same(records.get("ann"), online("ann", "pin-of-ann"))
        records.close()
        with pytest.raises(StoreReadOnlyError, match="is read-only for this process"):
            LmdbOnlineWriter(open_folder)


def test_a_folder_that_cannot_be_made_is_told(open_folder: Path, read_only: ReadOnly) -> None:
    """The first writer of a read-only volume."""
    with read_only(), pytest.raises(StoreReadOnlyError, match="opened for writing: its folder"):
        LmdbOnlineWriter(open_folder)


def test_a_file_that_cannot_be_written_is_told_at_once(open_folder: Path, unprivileged: ReadOnly) -> None:
    """Not at the first put: the folder is writable, the file in it is not."""
    put(open_folder, "ann")
    online_folder = open_folder / ONLINE_FOLDER
    (online_folder / WRITER_LOCK).unlink()
    file_of(open_folder).chmod(0o444)
    online_folder.chmod(0o777)
    with unprivileged(), pytest.raises(StoreReadOnlyError, match="is read-only for this process"):
        LmdbOnlineWriter(open_folder)


def test_a_truncated_file_is_refused_by_both(tmp_path: Path) -> None:
    """Mapping it would kill the process; the person hears what to do, and the writer's lock is free again."""
    put(tmp_path, *(f"user-{n}" for n in range(50)))
    path = file_of(tmp_path)
    path.write_bytes(path.read_bytes()[:-8_192])

    with pytest.raises(StoreUnavailableError, match=r"truncated.* Restore a copy, or remove it"):
        OnlineRecords(tmp_path).get("user-1")
    with pytest.raises(StoreUnavailableError, match=r"truncated.* Restore a copy, or remove it"):
        LmdbOnlineWriter(tmp_path)
    path.unlink()
    put(tmp_path, "anew")


def test_a_damaged_record_names_its_user(tmp_path: Path) -> None:
    """Others are read."""
    put(tmp_path, "ann", "cat")
    path = file_of(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"pin-of-ann", b"pin-of-bob"))

    records = OnlineRecords(tmp_path)
    with pytest.raises(DamagedRecordError, match="online record of user 'ann'"):
        records.get("ann")
    assert records.get("cat") is not None
    records.close()


def test_what_else_goes_wrong_is_told_in_the_systems_words(tmp_path: Path) -> None:
    """A folder where the file should be."""
    file_of(tmp_path).mkdir(parents=True)
    with pytest.raises(StoreUnavailableError, match=r"cannot be read: .*[Ii]s a directory"):
        OnlineRecords(tmp_path).get("ann")


def test_what_lmdb_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    """A folder where its lock should be."""
    put(tmp_path, "ann")
    lock = tmp_path / ONLINE_FOLDER / f"{FILE}-lock"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(StoreUnavailableError, match=r"cannot be opened for writing: .*[Ii]s a directory"):
        LmdbOnlineWriter(tmp_path)


def test_a_file_put_in_the_place_of_another_is_read_by_who_had_that_open(tmp_path: Path) -> None:
    """A restored copy, or one that was begun anew: without a restart, and nothing of the other is left."""
    put(tmp_path, "ann")
    records = OnlineRecords(tmp_path)
    assert records.get("ann") is not None
    file_of(tmp_path).unlink()

    put(tmp_path, "ben")

    assert same(records.get("ben"), online("ben", "pin-of-ben"))
    assert records.get("ann") is None
    records.close()


def test_of_a_file_that_was_removed_only_who_was_forgotten_counts(tmp_path: Path) -> None:
    """Records in it are trusted no more, and said to be damaged; put back, it is what it was."""
    put(tmp_path, "ann")
    with closing(LmdbOnlineWriter(tmp_path)) as writer:
        writer.forget("ben", 5)
    records = OnlineRecords(tmp_path)
    records.open_early()
    file_of(tmp_path).rename(tmp_path / "aside")

    assert records.forgotten(["ann", "ben"]) == {"ben": 5}
    with pytest.raises(DamagedRecordError, match="user 'ann'"):
        records.get("ann")
    assert records.get("cid") is None
    users = ["ann", "ben", "cid"]
    assert records.values(users) == [records.value(user_id) for user_id in users]

    (tmp_path / "aside").rename(file_of(tmp_path))
    assert same(records.get("ann"), online("ann", "pin-of-ann"))
    records.close()


def test_a_file_that_comes_goes_or_is_another_makes_another_revision(tmp_path: Path) -> None:
    """As many writes in another file are not the same ones."""
    records = OnlineRecords(tmp_path)
    met = [records.revision()]
    put(tmp_path, "ann")
    met.append(records.revision())
    file_of(tmp_path).rename(tmp_path / "aside")
    met.append(records.revision())
    put(tmp_path, "ben")
    met.append(records.revision())

    assert len(set(met)) == len(met)
    assert None not in met
    records.close()


def test_who_sees_a_new_record_of_another_process_sees_another_revision(tmp_path: Path) -> None:
    """Other than any that was asked for while the record could not be read yet."""
    records, number = OnlineRecords(tmp_path), 0
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS_WRITER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            writer.stdout.readline()
            before = records.revision()
            while records.get(f"user-{number}") is not None:
                number += 1
            while records.get(f"user-{number}") is None:
                writer.stdout.readline()
            assert records.revision() != before
        writer.send_signal(signal.SIGKILL)
    records.close()


def test_without_locks_there_is_no_revision(open_folder: Path, read_only: ReadOnly) -> None:
    """A number that a killed writer left may be given to another commit then."""
    put(open_folder, "ann")
    with read_only():
        records = OnlineRecords(open_folder)
        assert records.revision() is None
        records.close()


def test_nothing_is_written_to_a_file_that_was_removed(tmp_path: Path) -> None:
    """It would be acknowledged and lost; whoever opens the store again goes on in a new file."""
    writer = LmdbOnlineWriter(tmp_path)
    writer.put(online("ann", "cat-1"))
    file_of(tmp_path).unlink()

    with pytest.raises(StoreUnavailableError, match="was removed or replaced"):
        writer.put(online("ben", "dog-1"))
    with pytest.raises(StoreUnavailableError, match="was removed or replaced"):
        writer.forget("ann", 5)
    with pytest.raises(StoreUnavailableError, match="was removed or replaced"):
        writer.commit([online("ben", "dog-1")], {})
    writer.close()

    with closing(LmdbOnlineWriter(tmp_path)) as writer:
        writer.put(online("ben", "dog-1"))
        assert writer.get("ann") is None
