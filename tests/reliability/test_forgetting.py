"""RELIABILITY 13, of wishes and of reported actions: what was acknowledged survives any death and holds."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.users import FRESH_S
from storage.events.opening import open_consumer
from storage.events.records import Event
from storage.profiles.opening import open_online_writer, open_tombstones
from tests.reliability.killed import acknowledged_by_the_killed
from tests.reliability.served_world import publish_pins, publish_users
from tests.reliability.servers import Server, channel_to, serving
from tests.reliability.shares import SHARE
from tests.reliability.zygote import ROOT
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S

pytestmark = pytest.mark.reliability

_N_USERS = 500

_KEEPERS = r"""
import sys
from pathlib import Path
from server.deadlines import Deadline
from server.recording import Recorder
from storage.events.file.appender import FileAppender
from storage.events.records import Event
from storage.profiles.lmdb.online import LmdbOnlineWriter
from tests.reliability.killed import write_as_told

kind, folder = sys.argv[1], Path(sys.argv[2])

def open_keeper():
    if kind == "wishes":
        writer = LmdbOnlineWriter(folder)
        return lambda n: writer.forget(f"user-{n % 500}", n)
    recorder = Recorder(lambda: FileAppender(folder / "events.jsonl"))
    recorder.start()
    return lambda n: recorder.record(Event(f"user-{n % 500}", f"pin-{n}", n, "save"), Deadline())

write_as_told(open_keeper)
"""


def acknowledged(kind: str, folder: Path, tally: Counter[tuple[str, ...]]) -> Iterator[tuple[int, list[int]]]:
    """The seed, and the numbers acknowledged, of process after process killed."""
    for seed, numbers in acknowledged_by_the_killed(
        _KEEPERS, kind, str(folder), full=1_000, after_the_last=2
    ):
        tally[kind, "any instant", "kill", "signal 9"] += 1
        tally[kind, "any instant", "kill", "acknowledged, all there"] += len(numbers)
        yield seed, numbers


def test_every_acknowledged_wish_survives_kill_9(tmp_path: Path, tally: Counter[tuple[str, ...]]) -> None:
    """A user who was told that they are forgotten stays forgotten, whatever becomes of who stored it."""
    until_s: dict[str, int] = {}
    for seed, numbers in acknowledged("wishes", tmp_path, tally):
        until_s |= {f"user-{number % _N_USERS}": number for number in numbers}
        with closing(open_tombstones(str(tmp_path))) as tombstones:
            found = tombstones.forgotten([*until_s])
            told = {each.user_id: each.until_s for each in tombstones.tombstones()}
        assert all(found[user] >= at_s for user, at_s in until_s.items()), f"seed {seed}"
        assert found.items() <= told.items(), f"seed {seed}"
    assert until_s


def test_every_acknowledged_action_survives_kill_9(tmp_path: Path, tally: Counter[tuple[str, ...]]) -> None:
    """What RecordAction answered is in the stream, once the server is dead as before."""
    seed_of = {
        number: seed for seed, numbers in acknowledged("actions", tmp_path, tally) for number in numbers
    }
    kept: set[int] = set()
    with closing(open_consumer(str(tmp_path / "events.jsonl"))) as consumer:
        while not (batch := consumer.read(max_records=10_000, timeout_s=0.1)).is_empty:
            kept |= {record.timestamp_s for record in batch.records if isinstance(record, Event)}
    assert seed_of
    assert {seed_of[number] for number in seed_of.keys() - kept} == set()


_STRACE = shutil.which("strace")


@pytest.mark.tool
@pytest.mark.skipif(_STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize(
    ("kind", "file", "order"),
    [("actions", "events.jsonl", "WSA"), ("wishes", "online/profiles.lmdb", "WSWA")],
)
def test_it_is_on_the_disk_before_it_is_acknowledged(
    tmp_path: Path, kind: str, file: str, order: str
) -> None:
    """W: written, S: synced, A: acknowledged. A file of records ends with a page whose write is a sync."""
    assert _STRACE is not None
    trace = tmp_path / "trace"
    traced = [_STRACE, "-f", "-y", "-o", str(trace), "-e", "trace=write,pwrite64,writev,fsync,fdatasync"]
    with subprocess.Popen(
        [*traced, sys.executable, "-W", "ignore", "-c", _KEEPERS, kind, str(tmp_path)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as keepers:
        assert keepers.stdin is not None
        assert keepers.stdout is not None
        print(1, file=keepers.stdin, flush=True)
        pid = int(keepers.stdout.readline().split()[1])
        for _ in range(5):
            keepers.stdout.readline()
        os.kill(pid, signal.SIGKILL)
        keepers.stdin.close()
    events = "".join(_event(call, str(tmp_path / file)) for call in trace.read_text().splitlines())
    assert len(re.findall(f"(?={re.sub('W', 'W+', order)})", events.partition("A")[2])) >= 4, events


def _event(call: str, path: str) -> str:
    """One letter of a system call that has to do with the file, or says that something is kept."""
    kinds = {
        rf"(pwrite64|writev|write)\(\d+<{path}>": "W",
        rf"(fsync|fdatasync)\(\d+<{path}>": "S",
        r"write\(1<.*, \"\d+\\n\"": "A",
    }
    return next((letter for pattern, letter in kinds.items() if re.search(pattern, call)), "")


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()


def answer_of(server: Server, user: str) -> "pb.RecommendResponse | grpc.StatusCode":
    """What a new connection, which is any worker's, hears of a user."""
    with channel_to(server.address) as channel:
        try:
            return RecommenderStub(channel).Recommend(pb.RecommendRequest(user_id=user), timeout=HANG_S)
        except grpc.RpcError as error:
            return error.code()


def is_told(answer: "pb.RecommendResponse | grpc.StatusCode") -> bool:
    """Something of the user was: a pin near one that they liked."""
    return isinstance(answer, pb.RecommendResponse) and len(answer.candidates) > 0


def test_no_worker_brings_back_whom_the_store_forgot_before_it_died(tmp_path: Path, valkey: Valkey) -> None:
    """Kept by two workers, forgotten, and then the store is killed: others are answered late, they never."""
    url = valkey.url()
    publish_pins(tmp_path / "pins", "first")
    publish_users(url, {"ann": ["p1", "p2"], "ben": ["p3", "p4"]})
    with serving(tmp_path, "--profiles", url, "--workers", "2") as server:
        server.wait_for("serving", 2)
        before = [answer_of(server, user) for user in ("ann", "ben") for _ in range(10)]
        assert all(map(is_told, before))
        writer = open_online_writer(url)
        began_s = time.monotonic()
        writer.forget("ann", int(time.time()))
        writer.close()
        server.wait_for("users forgotten", 2)
        if SHARE == 1:
            assert time.monotonic() - began_s <= 2
        assert not any(is_told(answer_of(server, "ann")) for _ in range(10))

        valkey.kill()
        assert not any(is_told(answer_of(server, "ann")) for _ in range(10))
        # Until then ben is taken as he is.
        time.sleep(FRESH_S)
        late = [answer_of(server, "ben") for _ in range(10)]
        assert any(map(is_told, late))
        assert all(
            pb.DEGRADATION_STALE_PROFILE in each.degraded
            for each in late
            if isinstance(each, pb.RecommendResponse)
        )
    valkey.start_again()
