"""The request log: what was answered is on disk, whole, and no call ever waits for it."""

import errno
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pinnersage.v1 import recommender_pb2 as pb
from process.user_hashes import user_hash
from server.bootstrap import wire_server
from server.errors import StartError
from server.metrics import Metrics
from server.observing import Observed
from server.request_log import RequestLog, RotationPolicy
from tests.server.conftest import settings
from tests.server.test_observing import observed, recommender_of
from tests.server.world import default_people, make_pins

NOT_STOPPING = threading.Event()


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written(tmp_path: Path, metrics: Metrics, clock: Clock) -> RequestLog:
    return RequestLog(tmp_path, metrics, shown=user_hash("pepper"), clock=clock)


def answer(user_id: str = "ann", **options: Any) -> Observed:
    recommender = recommender_of(make_pins(), default_people())
    return observed(recommender, pb.RecommendRequest(user_id=user_id, **options))


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("date=*/*.parquet"))


def rows(folder: Path) -> list[dict[str, object]]:
    return [row for path in files(folder) for row in pq.ParquetFile(path).read().to_pylist()]


def logged(metrics: Metrics, result: str) -> float | None:
    return metrics.registry.get_sample_value("pinnersage_request_log_answers_total", {"result": result})


def test_a_row_is_the_answer_that_was_sent(written: RequestLog, tmp_path: Path, metrics: Metrics) -> None:
    """Its name, its user as a hash, what it was made of with probabilities, and every candidate in order."""
    item = answer(max_candidates=6, seed=1)
    sent = pb.RecommendResponse.FromString(item.sent)
    written.do(item, NOT_STOPPING)
    written.end()

    (row,) = rows(tmp_path)
    assert row["request_id"] == "page-7"
    assert row["time"] == datetime.fromtimestamp(5, UTC)
    assert row["user"] == user_hash("pepper")("ann")
    assert (row["method"], row["merge_policy"], row["reason"]) == ("Recommend", "interleaved", "ordinary")
    assert (row["max_candidates"], row["variant"], row["degraded"]) == (6, None, [])
    assert (row["artefact_version"], row["profiles_version"]) == ("000001-test", "000007-test")
    assert row["interests"] == [
        {
            "medoid_pin_id": each.medoid_pin_id,
            "importance": each.importance,
            "probability": each.probability,
            "origin": "batch",
            "cache_hit": each.cache_hit,
        }
        for each in sent.interests
    ]
    medoids = [each.medoid_pin_id for each in sent.interests]
    assert row["candidates"] == [
        {
            "pin_id": each.pin_id,
            "medoid_pin_id": each.medoid_pin_id,
            "interest": medoids.index(each.medoid_pin_id),
            "score": each.score,
        }
        for each in sent.candidates
    ]
    assert logged(metrics, "done") == 1


def test_answers_of_other_kinds_have_rows_too(written: RequestLog, tmp_path: Path) -> None:
    """Fused ones name the interest of each candidate's medoid; empty ones are rows without candidates."""
    written.do(answer("ben", merge_policy=pb.MERGE_POLICY_FUSED), NOT_STOPPING)
    written.do(answer("nobody"), NOT_STOPPING)
    written.end()

    fused, nobody = rows(tmp_path)
    assert fused["merge_policy"] == "fused"
    candidates = fused["candidates"]
    assert isinstance(candidates, list)
    assert {(each["medoid_pin_id"], each["interest"]) for each in candidates} == {("cat-0", 0), ("cake-0", 1)}
    assert (nobody["reason"], nobody["interests"], nobody["candidates"]) == ("unknown_user", [], [])


def test_a_file_appears_when_its_time_has_come(written: RequestLog, tmp_path: Path, clock: Clock) -> None:
    """A minute after its first answer, whole; before that nothing is there to be read by halves."""
    for _ in range(3):
        written.do(answer(), NOT_STOPPING)
        clock.now_s += 25
        before = files(tmp_path)
        written.pause()

    assert before == []
    assert len(rows(tmp_path)) == 3


def test_a_large_file_is_finished_sooner(tmp_path: Path, metrics: Metrics, clock: Clock) -> None:
    """Files grow to a size, not to whatever a busy minute brings."""
    small = RotationPolicy(n_bytes=1)
    written = RequestLog(tmp_path, metrics, shown=str, rotation=small, clock=clock)
    item = answer()
    for _ in range(1_100):
        written.do(item, NOT_STOPPING)
        written.pause()
    written.end()

    assert [pq.read_metadata(path).num_rows for path in files(tmp_path)] == [500, 500, 100]
    assert {row["user"] for row in rows(tmp_path)} == {"ann"}


def test_a_disk_that_fails_costs_the_file_and_no_more(
    written: RequestLog, tmp_path: Path, metrics: Metrics
) -> None:
    """What could not be written is counted; once there is room the next file is there."""
    tmp_path.chmod(0o500)
    in_the_way = tmp_path.parent / "moved"
    tmp_path.rename(in_the_way)
    tmp_path.write_text("no folder")
    written.do(answer(), NOT_STOPPING)
    written.end()
    assert logged(metrics, "failed") == 1

    tmp_path.unlink()
    in_the_way.chmod(0o700)
    in_the_way.rename(tmp_path)
    written.do(answer(), NOT_STOPPING)
    written.end()
    assert (len(rows(tmp_path)), logged(metrics, "done")) == (1, 1)


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """As on a disk with so much room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_leaves_nothing_behind(
    written: RequestLog, tmp_path: Path, metrics: Metrics
) -> None:
    """A file that was begun and found no room is removed, its answers are counted, and the next one comes."""
    item = answer()
    with files_of_at_most(4_000):
        for _ in range(1_200):
            written.do(item, NOT_STOPPING)
        written.end()
    assert (logged(metrics, "failed"), logged(metrics, "done")) == (1_200, 0)
    assert list(tmp_path.glob("*/.*")) == list(tmp_path.glob("*/*")) == []

    written.do(item, NOT_STOPPING)
    written.end()
    assert len(rows(tmp_path)) == 1


def test_a_disk_that_turns_read_only_costs_the_file_and_no_more(
    written: RequestLog, tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun cannot even be removed: that is said, once, and the next file comes."""
    with monkeypatch.context() as read_only, capture_logs() as logs:
        read_only.setattr(os, "fsync", _only_be_read)
        read_only.setattr(Path, "unlink", _only_be_read)
        written.do(answer(), NOT_STOPPING)
        written.end()
    (left_behind,) = tmp_path.glob("*/.*")
    assert [(line["answers"], line["left_behind"]) for line in logs] == [(1, str(left_behind))]
    assert logged(metrics, "failed") == 1

    written.do(answer(), NOT_STOPPING)
    written.end()
    assert (len(rows(tmp_path)), logged(metrics, "done")) == (1, 1)


def _only_be_read(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EROFS, "Read-only file system")


def test_left_overs_of_killed_processes_go(tmp_path: Path, metrics: Metrics) -> None:
    """What nobody has written to for an hour is removed; what another process is at stays."""
    day = tmp_path / "date=2026-11-22"
    day.mkdir()
    old, new = day / ".a.parquet.unfinished", day / ".b.parquet.unfinished"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    RequestLog(tmp_path, metrics, shown=str)

    assert not old.exists()
    assert new.exists()


def of_size(folder: Path, day: str, name: str, n_bytes: int) -> Path:
    path = folder / f"date={day}" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(n_bytes))
    return path


def test_the_oldest_files_make_room(tmp_path: Path, metrics: Metrics) -> None:
    """All files together keep within the bound, whoever wrote them; those being written and others' stay."""
    oldest = of_size(tmp_path, "2026-11-20", "20261120T235900-other-host-7-1.parquet", 50_000)
    old = of_size(tmp_path, "2026-11-21", "20261121T000500-here-1-1.parquet", 50_000)
    young = of_size(tmp_path, "2026-11-21", "20261121T000600-other-host-7-2.parquet", 40_000)
    being_written = of_size(tmp_path, "2026-11-20", ".20261120T235800-here-2-9.parquet.unfinished", 30_000)
    theirs = of_size(tmp_path, "2026-11-20", "clicks.parquet", 90_000)
    rotation = RotationPolicy(total_bytes=100_000)
    written = RequestLog(tmp_path, metrics, shown=str, rotation=rotation)
    # 170,000 bytes: without the two oldest they are 70,000.
    assert [path.exists() for path in (oldest, old, young, being_written, theirs)] == [
        False,
        False,
        True,
        True,
        True,
    ]

    written.do(answer(), NOT_STOPPING)
    written.end()
    assert len(files(tmp_path)) == 3
    metrics.gauges.refresh()
    assert metrics.registry.get_sample_value("pinnersage_request_log_bytes") == pytest.approx(
        70_000 + files(tmp_path)[-1].stat().st_size
    )


def test_the_bound_holds_while_the_log_grows(tmp_path: Path, metrics: Metrics) -> None:
    """Each file finished makes its own room: what is there is the newest, and days without a file go."""
    emptied = of_size(tmp_path, "2026-11-20", "20261120T235900-here-1-1.parquet", 10)
    rotation = RotationPolicy(n_bytes=1, total_bytes=30_000)
    written = RequestLog(tmp_path, metrics, shown=str, rotation=rotation)
    item, sizes, seen = answer(), [], []
    for _ in range(8):
        for _ in range(500):
            written.do(item, NOT_STOPPING)
        written.pause()
        sizes.append(sum(path.stat().st_size for path in files(tmp_path)))
        seen.append([path.name.rpartition("-")[2] for path in files(tmp_path)])

    assert max(sizes) <= 30_000 < sizes[-1] + sizes[0]
    assert seen[-1][-1] == "8.parquet"
    assert len(seen[-1]) < 8
    assert not emptied.parent.exists()


def test_what_is_dropped_is_counted(written: RequestLog, metrics: Metrics) -> None:
    """Answers that found no room in the queue are known to be missing."""
    written.dropped()

    assert logged(metrics, "dropped") == 1


def test_the_schema_is_one_that_readers_can_rely_on(written: RequestLog, tmp_path: Path) -> None:
    """All files of a folder read as one data set, partitioned by date."""
    written.do(answer(), NOT_STOPPING)
    written.end()
    written.do(replace(answer("nobody"), time_s=6), NOT_STOPPING)
    written.end()
    table = pq.read_table(tmp_path)

    assert table.num_rows == 2
    assert table.column_names == [
        "request_id",
        "time",
        "method",
        "user",
        "variant",
        "merge_policy",
        "reason",
        "degraded",
        "max_candidates",
        "max_interests",
        "artefact_version",
        "profiles_version",
        "interests",
        "candidates",
        "date",
    ]


def serve(**changes: object) -> None:
    wire_server(make_pins(), default_people().store(), settings(**changes))


def test_a_hash_needs_a_salt(tmp_path: Path) -> None:
    """A log with guessable hashes would be no secret: the server asks for a salt, or for plain ids."""
    with pytest.raises(StartError, match=r"needs a secret: set --log-salt .*--request-log-users raw"):
        serve(request_log=tmp_path)


def test_a_folder_that_cannot_be_is_said_at_start(tmp_path: Path) -> None:
    """Not with the first answer, an hour later."""
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot write a request log to .*file/log: Not a directory"):
        serve(request_log=tmp_path / "file" / "log", log_salt="pepper")
