"""`python -m benchmarks.serving`: what a call costs, warm and cold, beside an empty one.

Server CPU is read by the clock of its process, so that a busy machine counts less; every figure is a ratio of
blocks of calls that took turns. Latencies are those of the machine as it is.
"""

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.serving.cold import cold
from benchmarks.serving.figures import Figure, show, write
from benchmarks.serving.mixes import mix, other_mixes
from benchmarks.serving.overload import overload
from benchmarks.serving.processes import GENERATOR_CORE
from benchmarks.serving.served import World, make_world
from benchmarks.serving.settings import ServingSettings
from benchmarks.serving.skew import skew
from benchmarks.serving.swaps import swaps
from benchmarks.serving.warm import warm
from process.commands import Program
from process.progress import Reporter
from storage.errors import StorageError

Part = Callable[[World, Mapping[str, Figure]], dict[str, Figure]]


def measure(settings: ServingSettings) -> None:
    """Measure, show and write."""
    reporter = Reporter()
    world = make_world(settings, reporter)
    os.sched_setaffinity(0, {GENERATOR_CORE})
    figures: dict[str, Figure] = {}
    for title, part in _PARTS[:1] if settings.only_warm else _PARTS:
        with reporter.step(title):
            figures |= part(world, figures)
        write(settings.out, figures, _facts(world))
    show(figures)


def _facts(world: World) -> dict[str, object]:
    return {
        "pins": len(world.pin_ids),
        "users": world.settings.users,
        "zipf": world.settings.zipf,
        "seen": world.settings.seen,
        "ef_search": world.settings.ef_search,
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
        "calls_of_a_block": world.settings.calls,
    }


_PARTS: Sequence[tuple[str, Part]] = (
    ("Warm", warm),
    ("Cold", cold),
    ("Mix", mix),
    ("Mix of other users", other_mixes),
    ("Overload", overload),
    ("Skew between workers", skew),
    ("Swaps under load", swaps),
)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.serving", expected=(OSError, StorageError))
    program.command("serving", ServingSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
