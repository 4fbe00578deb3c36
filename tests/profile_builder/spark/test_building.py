"""A task that builds a part: every event counts once, and every user's record goes to the store."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from profile_builder.spark.building import BuildPart, distinct
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.reports import PartReport
from profile_builder.spark.selecting import EVENTS
from profile_builder.users import Rules
from storage.pins.artefact import pin_versions
from storage.profiles.encoding import EncodedUser, decode_profile
from tests.profile_builder.conftest import Shop
from tests.profile_builder.world import MODEL, NEWEST_S, SPACE

RULES = Rules(
    embedding_space=SPACE,
    parameters=MODEL.parameters,
    parameters_version=MODEL.version,
    cut_s=NEWEST_S,
    watermark_s=NEWEST_S,
    max_actions=2,
)


def event(user: str, row: int, source: int, *, event_hash: int | None = None, is_repeat: bool = False) -> Any:
    """A save, at a time that is the same for all of one row."""
    values = (0, user, row, NEWEST_S - row, "save" if row >= 0 else "", 1.0, event_hash, source)
    return dict(zip(EVENTS.names, values, strict=True)) | {"is_repeat": is_repeat, "part": 3}


def part(*events: Any) -> pa.Table:
    return pa.Table.from_pylist(list(events))


EVERYTHING = part(
    event("ben", 30, 0),
    event("ann", 0, 1),
    event("ann", 0, 2),
    event("ann", 1, 3, event_hash=5),
    event("ann", 1, 4, event_hash=5, is_repeat=True),
    event("ann", 2, 5),
    event("cid", -1, 0),
)


@dataclass
class Kept:
    """A sink that keeps what it is given."""

    parts: dict[int, list[EncodedUser]] = field(default_factory=dict)

    def write(self, part: int, users: Iterable[EncodedUser]) -> Mapping[str, Any]:
        self.parts[part] = list(users)
        return {"users": len(self.parts[part])}

    def require_reachable(self) -> None: ...


@pytest.fixture
def build(shop: Shop) -> BuildPart:
    pins = PinsPlace(str(shop.pins), pin_versions(shop.pins).current())
    return BuildPart(pins=pins, rules=RULES, sink=Kept(), actions_together=1, max_rejects=1)


def test_every_event_counts_once() -> None:
    """Same person, pin, time and action, or an event id that was there before: the later row is left out."""
    events, user_ids, repeated = distinct(EVERYTHING)
    assert user_ids == ("ann", "ben", "cid")
    assert sorted(events.sources.tolist()) == [0, 1, 3, 5]
    assert sorted(repeated.sources.tolist()) == [2, 4]


def test_the_records_go_to_the_store_and_the_counts_to_the_driver(build: BuildPart) -> None:
    """In ascending order of user id, under the part's number; popular pins are counted by representative."""
    table = build(3, EVERYTHING)
    assert isinstance(build.sink, Kept)
    ann, ben, cid = build.sink.parts[3]
    assert [user.user_id for user in (ann, ben, cid)] == ["ann", "ben", "cid"]
    assert ann.profile is not None
    assert decode_profile(ann.profile, "ann").interests.sizes.tolist() == [2]
    assert (cid.profile, cid.seen) == (None, None)

    report = PartReport.from_json(table["report"][0].as_py())
    assert (report.used, report.n_interests, report.n_without, report.n_capped) == (4, {1: 2}, 1, 1)
    assert (report.n_duplicates, len(report.duplicates), report.written) == (2, 1, {"users": 3})
    rows, counts = table["popular_rows"][0].as_py(), table["popular_counts"][0].as_py()
    representatives = build.pins.open().representatives[[0, 1, 2, 30]]
    assert dict(zip(rows, counts, strict=True)) == Counter(representatives.tolist())
