"""From an event's append until `Recommend` answers with it: a real stream, online process and server.

Some users act again and again and are asked for all the while, so that the server has them in its cache, as
it has whoever looks at their feed. The others only make the load.
"""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import grpc
import numpy as np

from benchmarks.online_world import People
from benchmarks.serving.processes import pinnersage
from model.parameters import Parameters
from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1 import recommender_pb2_grpc
from storage.events.opening import open_appender
from storage.events.records import Event
from storage.events.stream import EventAppender
from storage.pins.artefact import PinArtefact
from storage.profiles.opening import open_batch_publisher
from storage.profiles.store import BatchDescription, BatchManifest

N_WATCHED = 20
TICK_S, LOOK_S, LONGEST_S = 0.05, 0.02, 30.0
_WARM_UP_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Visibility:
    """What is looked at.

    Attributes:
        pins: The artefact.
        work: A folder for this only.
        people: Who make the load.
        rate: Their events a second.
        seconds: How long.
    """

    pins: Path
    work: Path
    people: People
    rate: int
    seconds: int


def measure_visibility(visibility: Visibility) -> Mapping[str, float]:
    """How soon events were visible, in seconds, by quantile."""
    work = visibility.work
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _publish_nobody(visibility)
    events = work / "events.jsonl"
    with (
        _online(visibility, events),
        pinnersage(visibility.pins, work / "profiles", cache_mb=64, threads=8) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        closing(open_appender(str(events))) as appender,
        _load(visibility, appender) as load,
    ):
        seen_s = _watch(recommender_pb2_grpc.RecommenderStub(channel), appender, visibility)
    shutil.rmtree(work)
    p50, p90, p99, longest = np.quantile(seen_s, [0.5, 0.9, 0.99, 1.0])
    return {
        "events_a_second": load.n_appended / load.took_s,
        "watched": len(seen_s),
        "p50_s": float(p50),
        "p90_s": float(p90),
        "p99_s": float(p99),
        "longest_s": float(longest),
    }


def _publish_nobody(visibility: Visibility) -> None:
    """A batch that knows none of them, as of yesterday: everything comes from the stream."""
    pins = PinArtefact.open(visibility.pins, checksums=False)
    yesterday_s = int(time.time()) - 86_400
    description = BatchDescription(
        version="",
        embedding_space=pins.embedding_space,
        # Each pin an interest of its own: what is waited for is there by name.
        parameters=Parameters(alpha=0.01),
        parameters_version="benchmark",
        computed_at_s=yesterday_s,
        actions_until_s=yesterday_s,
        n_users=0,
    )
    pins.close()
    publisher = open_batch_publisher(str(visibility.work / "profiles"))
    publisher.publish((), (), lambda: BatchManifest(description=description))


@contextmanager
def _online(visibility: Visibility, events: Path) -> Iterator[None]:
    options = {
        "events": events,
        "pins": visibility.pins,
        "profiles": visibility.work / "profiles",
        "archive": visibility.work / "actions",
        "metrics-port": 0,
        "log-level": "warning",
    }
    command = [sys.executable, "-m", "profile_builder", "online"]
    command += [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(command)  # noqa: S603 - our own program
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@dataclass
class _Load:
    """What was appended, and how long that took."""

    n_appended: int = 0
    took_s: float = 0.0


@contextmanager
def _load(visibility: Visibility, appender: EventAppender) -> Iterator[_Load]:
    """Everybody else acts, evenly in time, whatever the others do."""
    load, stop = _Load(), threading.Event()
    n_events = visibility.rate * (visibility.seconds + 120)
    events = visibility.people.events(n_events, seed=2, time_s=int(time.time()))

    def append() -> None:
        began_s = time.monotonic()
        while not stop.wait(TICK_S):
            load.took_s = time.monotonic() - began_s
            due = round(visibility.rate * load.took_s) - load.n_appended
            appender.append(list(islice(events, due)))
            load.n_appended += due

    thread = threading.Thread(target=append)
    thread.start()
    try:
        yield load
    finally:
        stop.set()
        thread.join()


def _watch(
    stub: recommender_pb2_grpc.RecommenderStub, appender: EventAppender, visibility: Visibility
) -> list[float]:
    """How long each of the watched events took to be seen."""
    generator, numbers, seen_s = np.random.default_rng(3), count(), list[float]()
    waiting: dict[str, tuple[float, str]] = {}
    began_s = time.monotonic()
    while time.monotonic() - began_s < visibility.seconds + _WARM_UP_S or waiting:
        is_over = time.monotonic() - began_s >= visibility.seconds + _WARM_UP_S
        for number in range(N_WATCHED):
            user = f"watched-{number}"
            if user in waiting:
                appended_s, pin_id = waiting[user]
                if pin_id in _interests(stub, user):
                    del waiting[user]
                    if appended_s - began_s > _WARM_UP_S:
                        seen_s.append(time.monotonic() - appended_s)
                elif time.monotonic() - appended_s > LONGEST_S:
                    raise RuntimeError(f"an event was not visible after {LONGEST_S:g} s")
            elif not is_over and generator.random() < LOOK_S:
                pin_id = f"pin-{next(numbers) * 1_013 % visibility.people.n_pins:08d}"
                appender.append([Event(user, pin_id, int(time.time()), "save", f"watched-{next(numbers)}")])
                waiting[user] = time.monotonic(), pin_id
        time.sleep(LOOK_S)
    return seen_s


def _interests(stub: recommender_pb2_grpc.RecommenderStub, user: str) -> set[str]:
    answer = stub.Recommend(pb.RecommendRequest(user_id=user, max_candidates=40, max_interests=20))
    return {interest.medoid_pin_id for interest in answer.interests}
