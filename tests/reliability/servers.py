"""Servers as real processes, and calls that never stop while something is done to them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import grpc

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.arrivals import PUSHBACK_KEY
from tests.reliability.served_world import USERS
from tests.waiting import HANG_S, wait_until

AnswerT = TypeVar("AnswerT")

ROOT = Path(__file__).parents[2]
_LOOK_S = 0.02
_LAST_WORDS = 20_000
# Between two calls of a caller: what is done to the servers needs the processor, too.
PAUSE_S = 0.002


class Server:
    """A server process, its log in a file.

    Args:
        folder: Holds `pins` and `profiles`, and gets the log.
        arguments: Further flags.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / f"server-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "server", "--log-format", "json", "--metrics-port", "0"]
        parts = ["--pins", str(folder / "pins"), "--profiles", str(folder / "profiles")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, *parts, *arguments], cwd=ROOT, stdout=log, stderr=log)

    def events(self, name: str) -> list[dict[str, object]]:
        """The lines of the log for an event, so far."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in map(_entry, lines) if entry.get("event") == name]

    def wait_for(self, event: str, n: int = 1) -> list[dict[str, object]]:
        """Wait until the log has so many lines for an event."""

        def is_there() -> bool:
            assert self.process.poll() is None, f"the server ended: {self.said()}"
            return len(self.events(event)) >= n

        wait_until(is_there, lambda: f"no {event}: {self.said()}")
        return self.events(event)

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-_LAST_WORDS:]

    @property
    def address(self) -> str:
        """Where it serves, once it does."""
        return str(self.wait_for("serving")[0]["address"])

    def workers(self) -> list[int]:
        """The ids of the worker processes."""
        return [pid for pid in children_of(self.process.pid) if b"multiprocessing.spawn" in _command(pid)]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and wait for its end; returns its status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(HANG_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the server did not end: {self.said()}") from None


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Server]:
    """A server, ended by its id whatever happens."""
    server = Server(folder, *arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGINT)
        # Shown by pytest beside a test that fails.
        print(server.said())


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that still run."""
    return [int(each) for each in _told(pid, f"task/{pid}/children").split()]


def is_running(pid: int) -> bool:
    """Whether there is such a process, and not only its status for somebody to collect."""
    stat = _told(pid, "stat")
    return bool(stat) and stat.rpartition(b")")[2].split()[0] != b"Z"


def wait_until_gone(pids: Sequence[int]) -> None:
    """Wait until none of the processes runs."""
    wait_until(
        lambda: not any(map(is_running, pids)), lambda: [_command(pid) for pid in pids if is_running(pid)]
    )


@contextmanager
def channel_to(address: str, *, retries: bool = True) -> Iterator[grpc.Channel]:
    """A connection of its own. Tried again is only what no server has seen, as every gRPC client does.

    Without retries nothing is: where a server ends for good, gRPC's own have once gone round without a pause
    until the memory of the machine was gone.
    """
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", int(retries))]
    with grpc.insecure_channel(address, options=options) as channel:
        yield channel


def version_at(address: str) -> str:
    """The pins' version that a new connection is answered by."""
    with channel_to(address) as channel:
        request = pb.RecommendRequest(user_id=USERS[0])
        return str(RecommenderStub(channel).Recommend(request, timeout=HANG_S).artefact_version)


def code_of(call: "grpc.Future[AnswerT]") -> grpc.StatusCode:
    """How a call ended, once it has."""
    assert isinstance(call, grpc.Call)
    return call.code()


@dataclass
class Load:
    """What came of calls that were made one after the other by several callers.

    Attributes:
        answered: By artefact version.
        failed: By status.
        told: What the failed ones were told.
        is_patient: Calls wait for a connection.
        took_s: How long those took that were answered.
    """

    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[grpc.StatusCode] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    is_patient: bool = True
    took_s: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def n_failed(self) -> int:
        """All that failed."""
        return self.failed.total()

    def call(self, stub: RecommenderStub, at: int) -> float:
        """One call; counts what came of it, and returns how long to wait before the next one."""
        began_s = time.monotonic()
        try:
            # Impatient calls all fail for as long as gRPC pauses between two connections.
            answer = stub.Recommend(
                pb.RecommendRequest(user_id=USERS[at % len(USERS)]),
                timeout=HANG_S,
                wait_for_ready=self.is_patient,
            )
        except grpc.RpcError as error:
            with self.lock:
                self.failed[error.code()] += 1
                self.told[str(error.details())] += 1
            return _come_back_s(error)
        else:
            assert answer.candidates
            with self.lock:
                self.answered[answer.artefact_version] += 1
                self.took_s.append(time.monotonic() - began_s)
            return PAUSE_S

    def wait_for(self, n: int) -> None:
        """Wait until so many more calls were answered; gives up when none is for long."""
        n_answered = self.answered.total()
        goal, give_up = n_answered + n, time.monotonic() + HANG_S
        while self.answered.total() < goal:
            if n_answered != self.answered.total():
                n_answered, give_up = self.answered.total(), time.monotonic() + HANG_S
            assert time.monotonic() < give_up, (self.answered, self.failed, self.told)
            time.sleep(_LOOK_S)


@contextmanager
def under_load(address: str, callers: int = 4, *, is_patient: bool = True) -> Iterator[Load]:
    """Calls from several callers, each on a connection of its own, as long as the block lasts."""
    load = Load(is_patient=is_patient)

    def call(caller: int, done: threading.Event) -> None:
        with channel_to(address, retries=is_patient) as channel:
            stub, at, pause_s = RecommenderStub(channel), caller, PAUSE_S
            while not done.wait(pause_s):
                pause_s = load.call(stub, at)
                at += callers

    with going_on(partial(call, caller) for caller in range(callers)):
        yield load


@contextmanager
def going_on(tasks: Iterable[Callable[[threading.Event], None]]) -> Iterator[None]:
    """Tasks as long as the block lasts, each in a thread of its own; they end once their event is set."""
    done = threading.Event()
    threads = [threading.Thread(target=task, args=(done,)) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join(HANG_S)


def _come_back_s(error: grpc.RpcError) -> float:
    """As the server says to whom it turns away, and at once where it says nothing."""
    assert isinstance(error, grpc.Call)
    told = dict(error.trailing_metadata() or ())
    return int(told[PUSHBACK_KEY]) / 1_000 if PUSHBACK_KEY in told else PAUSE_S


def _entry(line: str) -> dict[str, object]:
    try:
        return dict(json.loads(line))
    except ValueError:
        # The last line may be half written.
        return {}


def _command(pid: int) -> bytes:
    return _told(pid, "cmdline")


def _told(pid: int, what: str) -> bytes:
    """What the kernel says of a process; nothing once it is gone, be it while it is read."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{what}").read_bytes()
    return b""


def kill(pid: int) -> None:
    """At once, without a word."""
    os.kill(pid, signal.SIGKILL)
