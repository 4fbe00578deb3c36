"""`python -m benchmarks.online`: what online profiles cost, and how soon an event is visible in `Recommend`.

1. Events a second of one core, by its CPU time: from a file, with the archive, every commit on the disk, each
   user with as many actions after the watermark as a record may hold.
2. From an event's append until `Recommend` of a real server answers with it, at half that rate or less.
3. The process's private memory after ever more users.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from rich.console import Console

from benchmarks.online_visible import Visibility, measure_visibility
from benchmarks.online_world import People, fill
from benchmarks.serving.world import synthetic_pins
from model.parameters import Parameters
from process.commands import Program, setting
from process.progress import Reporter
from profile_builder.archive import Archive
from profile_builder.local import keep_freed_memory
from profile_builder.online import OnlinePolicy, OnlineSession
from profile_builder.online_metrics import OnlineMetrics
from profile_builder.online_rejections import Rejections
from profile_builder.online_running import spare_the_collector
from profile_builder.online_users import Basis
from storage.errors import StorageError
from storage.events.opening import open_appender, open_consumer
from storage.pins.artefact import PinArtefact
from storage.profiles.opening import open_online_writer

_APPENDED_AT_ONCE = 10_000
_PARAMETERS = Parameters(alpha=1.0)


@dataclass(frozen=True, kw_only=True)
class OnlineBenchSettings:
    """Measure events a second, how soon they are visible, and memory."""

    users: Annotated[int, setting("Users who act.", env="BENCH_USERS", low=100)] = 200_000
    events: Annotated[int, setting("Events to count.", env="BENCH_EVENTS", low=1_000)] = 200_000
    rate: Annotated[int, setting("Events a second while looking.", env="BENCH_RATE", low=10)] = 2_500
    seconds: Annotated[int, setting("How long to look.", env="BENCH_SECONDS", low=5)] = 60
    memory_users: Annotated[
        int, setting("Users to measure memory with; 0 leaves it out.", env="BENCH_MEMORY_USERS", low=0)
    ] = 1_000_000
    pins: Annotated[int, setting("Pins.", env="BENCH_PINS", low=1_000)] = 20_000
    dimension: Annotated[int, setting("Of their vectors.", env="BENCH_DIMENSION", low=8)] = 256
    work: Annotated[Path, setting("Folder to work in.", env="BENCH_WORK", metavar="DIR")] = Path(
        "build/bench/online"
    )
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/online.json"
    )


def measure(settings: OnlineBenchSettings) -> None:
    """Measure, show and write."""
    keep_freed_memory()
    spare_the_collector()
    settings.work.mkdir(parents=True, exist_ok=True)
    pins = synthetic_pins(settings.work, settings.pins, settings.dimension, Reporter())
    figures: dict[str, object] = {"settings": {"users": settings.users, "events": settings.events}}
    figures["throughput"] = _throughput(settings, pins)
    visible = measure_visibility(
        Visibility(
            pins=pins,
            work=settings.work / "visible",
            people=People(n=settings.users, zipf=1.0, n_pins=settings.pins),
            rate=settings.rate,
            seconds=settings.seconds,
        )
    )
    figures["visible"] = visible
    if settings.memory_users:
        figures["memory"] = _memory(settings, pins)
    Console().print_json(json.dumps(figures))
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _throughput(settings: OnlineBenchSettings, pins: Path) -> Mapping[str, float]:
    people = People(n=settings.users, zipf=1.0, n_pins=settings.pins)
    with _counting(settings.work / "throughput", pins, people, settings.events, is_full=True) as counting:
        cpu_s, clock_s = time.process_time(), time.perf_counter()
        n_profiles = counting.run()
        cpu_s, clock_s = time.process_time() - cpu_s, time.perf_counter() - clock_s
    acting = people.acting(settings.events, np.random.default_rng(1))
    return {
        "events_a_core_second": settings.events / cpu_s,
        "events_a_second_by_the_clock": settings.events / clock_s,
        "records_written_an_event": n_profiles / settings.events,
        "distinct_users": len(np.unique(acting)),
    }


def _memory(settings: OnlineBenchSettings, pins: Path) -> Mapping[str, float]:
    """Each user acts once: as many users as events."""
    found: dict[str, float] = {}
    people = People(n=settings.memory_users, zipf=0.0, n_pins=settings.pins)
    with _counting(settings.work / "memory", pins, people, settings.memory_users, is_full=False) as counting:
        for tenth in range(1, 11):
            counting.run(settings.memory_users * tenth // 10)
            found[f"private_mb_after_{settings.memory_users * tenth // 10}_events"] = _private_mb()
    return found


@dataclass
class _Counting:
    """A session over a file that holds all events."""

    session: OnlineSession
    metrics: OnlineMetrics
    n_events: int

    def run(self, until: int | None = None) -> int:
        """Count until so many events are stored; how many records were written for them in all."""
        while self._sample("archived_total") < (self.n_events if until is None else until):
            self.session.step(0.1)
        return int(self._sample("profiles_written_total"))

    def _sample(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"pinnersage_online_{name}") or 0.0


@contextmanager
def _counting(
    folder: Path, pins: Path, people: People, n_events: int, *, is_full: bool
) -> Iterator[_Counting]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "events.jsonl"
    _append(file, people, n_events)
    metrics = OnlineMetrics()
    with ExitStack() as open_things:
        artefact = open_things.enter_context(closing(PinArtefact.open(pins, checksums=False)))
        basis = Basis(pins=artefact, parameters=_PARAMETERS, parameters_version="benchmark", watermark_s=0)
        writer = open_things.enter_context(closing(open_online_writer(str(folder / "profiles"))))
        if is_full:
            fill(writer, people, basis)
        archive = open_things.enter_context(closing(Archive(folder / "actions")))
        session = OnlineSession(
            "benchmark",
            lambda resume: open_consumer(str(file), resume=resume),
            writer,
            archive,
            basis=lambda: basis,
            metrics=metrics,
            rejections=Rejections(),
            policy=OnlinePolicy(),
        )
        yield _Counting(open_things.enter_context(closing(session)), metrics, n_events)
    shutil.rmtree(folder)


def _append(file: Path, people: People, n_events: int) -> None:
    now_s = int(time.time())
    with closing(open_appender(str(file))) as appender:
        waiting = []
        for event in people.events(n_events, seed=1, time_s=now_s):
            waiting.append(event)
            if len(waiting) == _APPENDED_AT_ONCE:
                appender.append(waiting)
                waiting = []
        appender.append(waiting)


def _private_mb() -> float:
    """Memory of this process that is no file's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")]
    return int(kilobytes) / 1_000


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.online", expected=(OSError, StorageError))
    program.command("online", OnlineBenchSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
