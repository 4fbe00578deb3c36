"""Which lists a request will need, found before it is sent: so that all are cached for it, or none."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from benchmarks.serving.served import World
from benchmarks.serving.world import CUT_S
from pinnersage.v1 import recommender_pb2 as pb
from server.limits import LIMITS
from server.metrics import Metrics
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.sampling import Sampler
from server.users import ServedProfiles
from storage.pins.artefact import PinArtefact
from storage.profiles.opening import open_reader


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, and what it needs.

    Attributes:
        request: Serialised.
        user_id: Whom it is about.
        rows: The artefact's rows of the medoids that its seed draws.
    """

    request: bytes
    user_id: str
    rows: tuple[int, ...]


def drawn_by(world: World, requests: Sequence[bytes]) -> list[Asked]:
    """What requests with seeds need."""
    return list(_drawn(world, requests))


def _drawn(world: World, requests: Sequence[bytes]) -> Iterator[Asked]:
    pins = PinArtefact.open(world.pins, checksums=False)
    reader = open_reader(str(world.profiles), checksums=False)
    with closing(pins), closing(reader):
        users = ServedProfiles(ProfileSource(reader, pins, Metrics(CollectorRegistry())), ProfileCache(0))
        sampler = Sampler()
        for request in requests:
            asked = pb.RecommendRequest.FromString(request)
            profile = users.get(asked.user_id, CUT_S)
            if profile is None:
                raise LookupError(f"the benchmark's own user {asked.user_id!r} is missing")
            _, rows = sampler.sample(profile.records, LIMITS.default_interests, asked.seed)
            yield Asked(request=request, user_id=asked.user_id, rows=tuple(rows))


def again(requests: Sequence[bytes], seed: int) -> list[bytes]:
    """The same users once more, with seeds from this one on."""
    others = [pb.RecommendRequest.FromString(request) for request in requests]
    for number, other in enumerate(others):
        other.seed = seed + number
    return [other.SerializeToString() for other in others]


def apart(firsts: Sequence[Asked], seconds: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Pairs of requests of one user each, such that no second one needs a list that any other needs.

    When all first ones were asked, every second one meets a parsed profile and searches for all its lists.
    """
    of_firsts: set[int] = set()
    of_seconds: set[int] = set()
    kept: list[tuple[Asked, Asked]] = []
    users: set[str] = set()
    for first, second in zip(firsts, seconds, strict=True):
        is_new = first.user_id not in users and of_seconds.isdisjoint((*first.rows, *second.rows))
        if is_new and of_firsts.isdisjoint(second.rows) and set(first.rows).isdisjoint(second.rows):
            of_firsts.update(first.rows)
            of_seconds.update(second.rows)
            users.add(first.user_id)
            kept.append((first, second))
    return [first for first, _ in kept], [second for _, second in kept]


def newcomers(asked: Sequence[Asked], others: Sequence[Asked]) -> list[Asked]:
    """Those of the others, each of another user, whom nobody asked for but whose lists were all needed."""
    users, rows = {each.user_id for each in asked}, {row for each in asked for row in each.rows}
    new: dict[str, Asked] = {}
    for other in others:
        if other.user_id not in users and rows.issuperset(other.rows):
            new.setdefault(other.user_id, other)
    return list(new.values())
