"""What is served while it is measured, and who asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving.load import Generator
from benchmarks.serving.processes import Target, bare, pinnersage
from benchmarks.serving.renaming import with_ids_of
from benchmarks.serving.requests import recommend_requests
from benchmarks.serving.settings import ServingSettings
from benchmarks.serving.world import Users, synthetic_pins, users_of
from pinnersage.v1 import recommender_pb2 as pb
from process.progress import Reporter
from storage.pins.artefact import PinArtefact


@dataclass(frozen=True, kw_only=True)
class World:
    """What is served, and what is asked of it."""

    pins: Path
    profiles: Path
    pin_ids: list[str]
    settings: ServingSettings

    def requests(self, n: int, seed: int = 0, **options: "pb.MergePolicy.ValueType") -> list[bytes]:
        """N requests."""
        return recommend_requests(n, n_users=self.settings.users, pin_ids=self.pin_ids, seed=seed, **options)


@contextmanager
def served(world: World, cache_mb: int, *flags: str) -> Iterator[tuple[Target, Generator]]:
    """A server and who asks it, over eight connections."""
    flags = (f"--ef-search={world.settings.ef_search}", *flags)
    with pinnersage(world.pins, world.profiles, cache_mb=cache_mb, threads=8, flags=flags) as target:
        generator = Generator(target, 8)
        try:
            yield target, generator
        finally:
            generator.close()


@contextmanager
def bare_server(answer_bytes: int) -> Iterator[Generator]:
    """The least there can be: so many bytes, whatever is asked."""
    with bare(answer_bytes, 8) as target:
        generator = Generator(target, 8)
        try:
            yield generator
        finally:
            generator.close()


def make_world(settings: ServingSettings, reporter: Reporter) -> World:
    """Whatever of it is not there yet is made."""
    folder = settings.out.parent / "serving"
    pins = settings.pins or synthetic_pins(folder, settings.n_pins, 256, reporter)
    pins = with_ids_of(settings.id_bytes, pins, folder, reporter)
    # As a server does before anybody looks at them: that reads them in large pages.
    PinArtefact.open(pins).close()
    users = Users(n=settings.users, zipf=settings.zipf, seen=settings.seen)
    profiles = users_of(pins, users, folder, reporter)
    artefact = PinArtefact.open(pins, checksums=False)
    pin_ids = artefact.pin_ids(np.arange(artefact.n_indexed))
    artefact.close()
    return World(pins=pins, profiles=profiles, pin_ids=pin_ids, settings=settings)
