"""What a file adds to the contract: rotation, truncation, torn lines, full disks, crashes, bounded memory."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from storage.errors import StreamFullError, StreamUnavailableError
from storage.events.file.appender import FileAppender
from storage.events.file.consumer import FileConsumer
from storage.events.records import Event, encode
from tests.storage.events.streams import NOW_S, event, read_all, records
from tests.waiting import HANG_S, JOB_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def append(path: Path, *numbers: int) -> None:
    appender = FileAppender(path)
    appender.append([event("ann", number) for number in numbers])
    appender.close()


def consumer_of(path: Path) -> FileConsumer:
    return FileConsumer(path, "readers", now=lambda: NOW_S)


def numbers_read(consumer: FileConsumer, n: int) -> list[int]:
    batches = read_all(consumer, n)
    for batch in batches:
        consumer.commit(batch.positions)
    return [each.timestamp_s - NOW_S + 1_000 for each in records(batches) if isinstance(each, Event)]


def rotate(path: Path, name: str, *, written_s_ago: float) -> None:
    """Move the file away as logrotate does; its last write was some time ago."""
    moved = path.with_name(name)
    path.rename(moved)
    then = time.time() - written_s_ago
    os.utime(moved, (then, then))


def test_a_line_is_read_when_its_end_is_there(path: Path) -> None:
    """A line that is being written is waited for, never read in halves."""
    line = encode(event("ann", 0))
    path.write_bytes(line[:20])
    consumer = consumer_of(path)
    assert consumer.read(10, 0.05).is_empty

    with path.open("ab") as file:
        file.write(line[20:])
        file.flush()
        assert consumer.read(10, 0.05).is_empty
        file.write(b"\n")
    assert numbers_read(consumer, 1) == [0]


def test_a_file_that_is_not_there_yet_is_waited_for(path: Path) -> None:
    """Whoever reads may be started before whoever writes."""
    consumer = consumer_of(path)
    assert consumer.read(10, 0.05).is_empty
    append(path, 0)

    assert numbers_read(consumer, 1) == [0]


def test_rotation_loses_and_repeats_nothing(path: Path) -> None:
    """The rest of the old file is read, then the new one: also what its writer wrote after it was moved."""
    appender = FileAppender(path)
    consumer = consumer_of(path)
    appender.append([event("ann", 0), event("ann", 1)])
    assert numbers_read(consumer, 2) == [0, 1]
    late = path.open("ab")
    appender.append([event("ann", 2)])
    path.rename(path.with_name("events.jsonl.1"))
    appender.append([event("ann", 4)])
    late.write(encode(event("ann", 3)) + b"\n")
    late.close()

    assert numbers_read(consumer, 3) == [2, 3, 4]
    assert consumer.lag().n_bytes == 0


def test_a_consumer_that_was_away_during_rotations_finds_its_place(path: Path) -> None:
    """Two files came after the one that it was in: it reads all that it missed, in order."""
    append(path, 0, 1)
    consumer = consumer_of(path)
    consumer.commit(consumer.read(1, 1).positions)
    consumer.close()
    rotate(path, "events.jsonl.2", written_s_ago=200)
    append(path, 2)
    rotate(path, "events.jsonl.1", written_s_ago=100)
    append(path, 3)
    consumer = consumer_of(path)
    assert consumer.lag().n_bytes == sum(len(encode(event("ann", number))) + 1 for number in (1, 2, 3))

    assert numbers_read(consumer, 3) == [1, 2, 3]


def test_a_file_copied_away_and_cut_short_is_begun_again(path: Path) -> None:
    """As copytruncate of logrotate does: what comes after it is read, and nothing before it again."""
    append(path, 0, 1)
    consumer = consumer_of(path)
    assert numbers_read(consumer, 2) == [0, 1]
    shutil.copy(path, path.with_name("events.jsonl.1"))
    os.truncate(path, 0)
    append(path, 2)

    assert numbers_read(consumer, 1) == [2]


def test_a_file_written_anew_to_the_same_length_is_noticed(path: Path) -> None:
    """Its size does not tell; its beginning does."""
    append(path, 1, 2)
    consumer = consumer_of(path)
    assert numbers_read(consumer, 2) == [1, 2]
    os.truncate(path, 0)
    append(path, 3, 4)

    assert numbers_read(consumer, 2) == [3, 4]


def test_a_position_in_a_file_that_is_gone_begins_with_the_oldest(path: Path) -> None:
    """What was deleted unread is gone; everything that is still there is read."""
    append(path, 0)
    consumer = consumer_of(path)
    numbers_read(consumer, 1)
    consumer.close()
    path.unlink()
    append(path, 1)
    rotate(path, "events.jsonl-20261121", written_s_ago=100)
    append(path, 2)

    assert numbers_read(consumer_of(path), 2) == [1, 2]


def test_files_of_other_names_are_left_alone(path: Path) -> None:
    """Compressed files, copies by hand and other streams are no part of this one."""
    for name in ("events.jsonl.1.gz", "events.jsonl.old", "events.jsonl2", "other-events.jsonl.1"):
        append(path.with_name(name), 7)
    append(path, 0)

    consumer = consumer_of(path)
    assert numbers_read(consumer, 1) == [0]
    assert consumer.read(10, 0.05).is_empty


def test_a_torn_line_spoils_no_other(path: Path) -> None:
    """A writer that died in the middle of a line leaves one line that is rejected; the next is whole."""
    append(path, 0)
    with path.open("ab") as file:
        file.write(b'{"user_id": "an')
    append(path, 1)
    batches = read_all(consumer_of(path), 3)

    assert records(batches) == [event("ann", 0), event("ann", 1)]
    assert [each.reason for batch in batches for each in batch.rejected] == ["not JSON"]


def test_a_torn_end_of_a_rotated_file_is_rejected(path: Path) -> None:
    """Nobody will finish it: the reader says so and goes on."""
    append(path, 0)
    with path.open("ab") as file:
        file.write(b'{"user_id": "an')
    rotate(path, "events.jsonl.1", written_s_ago=100)
    append(path, 1)
    consumer = consumer_of(path)
    batches = read_all(consumer, 3)

    assert records(batches) == [event("ann", 0), event("ann", 1)]
    assert [each.value for batch in batches for each in batch.rejected] == ['{"user_id": "an']


def test_an_endless_line_takes_no_memory(path: Path) -> None:
    """16 MB without a line's end: rejected, with what comes after it read, in a few chunks of memory."""
    with path.open("wb") as file:
        file.truncate(16 << 20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    append(path, 0)
    consumer = consumer_of(path)
    tracemalloc.start(1)
    batches = read_all(consumer, 2)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [each.reason for batch in batches for each in batch.rejected] == ["over 16,384 bytes"]
    assert records(batches) == [event("ann", 0)]
    assert peak_bytes < 2 << 20


def test_a_large_backlog_is_never_in_memory_at_once(path: Path) -> None:
    """10 MB of records are read in batches, of which the reader keeps none."""
    line = encode(event("ann", 0)) + b"\n"
    n_lines = (10 << 20) // len(line)
    path.write_bytes(line * n_lines)
    consumer = consumer_of(path)
    n_read = 0
    tracemalloc.start(1)
    for _ in range(10):
        n_read += len(consumer.read(500, 1).records)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert n_read == 5_000
    assert peak_bytes < 2 << 20


def test_what_is_acknowledged_was_put_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before an append returns, the disk was asked to keep the file with all of its lines in it."""
    appender = FileAppender(path)
    sizes: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    appender.append([event("ann", 0), event("ann", 1)])

    assert sizes == [path.stat().st_size]


def test_a_full_disk_is_a_sentence_and_spoils_nothing(path: Path) -> None:
    """What was acknowledged stays, and the same append succeeds once there is room."""
    append(path, 0)
    appender = FileAppender(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 30, hard))
    try:
        with pytest.raises(StreamFullError, match=r"cannot append to the events in .*events.jsonl: File too"):
            appender.append([event("ann", 1), event("ann", 2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    appender.append([event("ann", 1), event("ann", 2)])
    batches = read_all(consumer_of(path), 4)

    assert records(batches) == [event("ann", number) for number in (0, 1, 2)]


def test_a_consumer_that_is_killed_is_followed_by_another(path: Path) -> None:
    """Another process read and did not commit, and was killed: what it had is read again, at once."""
    append(path, 0, 1)
    program = (
        "import sys, time; from pathlib import Path\n"
        "from storage.events.file.consumer import FileConsumer\n"
        "consumer = FileConsumer(Path(sys.argv[1]), 'readers')\n"
        "batch = consumer.read(1, 10); consumer.commit(batch.positions)\n"
        "batch = consumer.read(1, 10); print(len(batch.records), flush=True)\n"
        f"time.sleep({HANG_S})\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"1\n"
        consumer = consumer_of(path)
        assert consumer.read(10, 0.05).is_empty
        other.send_signal(signal.SIGKILL)
        other.wait()

        assert numbers_read(consumer, 1) == [1]


def test_many_writers_never_write_into_each_others_lines(path: Path) -> None:
    """Appends of several processes at once are whole lines, and nothing is missing."""
    program = (
        "import sys; from pathlib import Path\n"
        "from storage.events.file.appender import FileAppender\n"
        "from tests.storage.events.streams import event\n"
        "appender = FileAppender(Path(sys.argv[1]))\n"
        "for number in range(20): appender.append([event(sys.argv[2], number)] * 5)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), user]) for user in ("ann", "bob")]
    assert [writer.wait(JOB_S) for writer in writers] == [0, 0]
    read = records(read_all(consumer_of(path), 200))

    assert [each for each in read if each.user_id == "bob"] == [
        event("bob", number) for number in range(20) for _ in range(5)
    ]


def test_a_position_file_that_is_none_is_named(path: Path) -> None:
    """A person learns which file to remove, and what that does."""
    append(path, 0)
    consumer = consumer_of(path)
    numbers_read(consumer, 1)
    consumer.close()
    path.with_name("events.jsonl.groups").joinpath("readers.position").write_text("12\n")

    with pytest.raises(StreamUnavailableError, match=r"'12' is no position .*readers\.position: remove it"):
        consumer_of(path).read(1, 0)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(StreamUnavailableError, match=r"cannot append to the events in .*taken/events"):
        FileAppender(tmp_path / "taken" / "events.jsonl")
    with pytest.raises(StreamUnavailableError, match=r"cannot keep the position of the events in .*taken"):
        consumer_of(tmp_path / "taken" / "events.jsonl")
