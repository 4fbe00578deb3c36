"""`python -m benchmarks.profile_store`: how fast one process fills a profile store, and reads it.

By the clock and by this process's CPU time: on a machine that others share only the second says much.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.profile_world import NOW_S, PARAMETERS
from model.interests import Interests
from process.commands import Program, setting
from storage.embedding_space import EmbeddingSpace
from storage.errors import StorageError
from storage.profiles.encoding import EncodedUser, encode_profile, encode_seen
from storage.profiles.opening import open_batch_publisher, open_reader
from storage.profiles.records import Profile
from storage.profiles.store import BatchDescription, BatchManifest

N_INTERESTS, N_SEEN = 10, 60
_SPACE = EmbeddingSpace("benchmark", 256)


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Measure how many users a second one process publishes into a store, and reads from it."""

    profiles: Annotated[str, setting("Profile store, for this only.", env="PROFILES", metavar="URL")]
    users: Annotated[int, setting("Users to publish.", env="BENCH_USERS", low=1_000)] = 200_000
    reads: Annotated[int, setting("Users to read, at random.", env="BENCH_READS", low=1)] = 5_000
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/profile_store.json"
    )


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Users a second, by the clock, and by the CPU time that this process takes."""

    by_clock: float
    by_cpu: float


def measure(settings: StoreSettings) -> None:
    """Measure, show and write."""
    users = [_user(number) for number in range(settings.users)]
    figures = {"publish": _rate(lambda: _publish(settings.profiles, users), len(users))}
    reader = open_reader(settings.profiles)
    asked = np.random.default_rng(0).integers(settings.users, size=settings.reads).tolist()
    figures["read"] = _rate(lambda: [reader.read(users[i].user_id) for i in asked], len(asked))
    reader.close()
    _show(figures)
    _write(settings, figures, sum(len(each.profile or b"") + len(each.seen or b"") for each in users))


def _user(number: int) -> EncodedUser:
    generator = np.random.default_rng(number)
    interests = Interests(
        medoid_pin_ids=tuple(f"pin-{pin:08}" for pin in generator.integers(10**8, size=N_INTERESTS)),
        importances=1 / np.arange(1.0, N_INTERESTS + 1),
        sizes=np.full(N_INTERESTS, N_SEEN // N_INTERESTS),
        last_action_times_s=np.full(N_INTERESTS, NOW_S),
        computed_at_s=NOW_S,
    )
    profile = Profile(
        user_id=f"user-{number:08}",
        embedding_space=_SPACE,
        parameters_version="benchmark",
        interests=interests,
        actions_until_s=NOW_S,
    )
    seen = generator.integers(2**63, size=N_SEEN, dtype=np.uint64)
    return EncodedUser(user_id=profile.user_id, profile=encode_profile(profile), seen=encode_seen(seen))


def _publish(url: str, users: list[EncodedUser]) -> None:
    description = BatchDescription(
        version="",
        embedding_space=_SPACE,
        parameters=PARAMETERS,
        parameters_version="benchmark",
        computed_at_s=NOW_S,
        actions_until_s=NOW_S,
        n_users=len(users),
    )
    open_batch_publisher(url).publish(users, [], lambda: BatchManifest(description=description))


def _rate(call: Callable[[], object], n: int) -> Rate:
    clock, cpu = time.perf_counter(), time.process_time()
    call()
    return Rate(by_clock=n / (time.perf_counter() - clock), by_cpu=n / (time.process_time() - cpu))


def _show(figures: Mapping[str, Rate]) -> None:
    table = Table("", "users/s by the clock", "users/s of CPU")
    for name, rate in figures.items():
        table.add_row(name, f"{rate.by_clock:,.0f}", f"{rate.by_cpu:,.0f}")
    Console().print(table)


def _write(settings: StoreSettings, figures: Mapping[str, Rate], n_bytes: int) -> None:
    written = {"users": settings.users, "bytes_a_user": n_bytes / settings.users}
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(written | {name: asdict(rate) for name, rate in figures.items()}, indent=2)
    settings.out.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.profile_store", expected=(OSError, StorageError))
    program.command("profile_store", StoreSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
