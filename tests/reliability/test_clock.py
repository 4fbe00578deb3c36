"""RELIABILITY 24: a clock that is wrong by an hour or by ten years makes no importance negative or NaN."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server import bootstrap
from server.bootstrap import wire_server
from server.ports import Ports
from tests.server.conftest import settings
from tests.server.world import CUT_S, DAY_S, default_people, make_interests, make_online, make_pins

pytestmark = pytest.mark.reliability

_HOUR_S, _YEAR_S = 3_600, 365 * DAY_S
_SKEWS_S = (0, _HOUR_S, -_HOUR_S, 10 * _YEAR_S, -10 * _YEAR_S)


@contextmanager
def served(skew_s: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecommenderStub]:
    """A server whose clock is so far from the batch's cut, over batch and online records."""
    monkeypatch.setattr(bootstrap, "now_s", lambda: CUT_S + skew_s)
    online = make_online("ben", {"cake-3": CUT_S + 60}, make_interests({"cake-3": 1.0}), after_s=CUT_S)
    people = replace(default_people(), online=[online])
    server = wire_server(make_pins(), people.store(), settings())
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield RecommenderStub(channel)
    server.stop(grace_s=1)


def is_sane(importance: float) -> bool:
    return math.isfinite(importance) and importance >= 0


@pytest.mark.parametrize("skew_s", _SKEWS_S)
def test_importances_stay_sane(skew_s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored users, online records and recent pins: answered, with shares that add up to one."""
    with served(skew_s, monkeypatch) as stub:
        for policy in (pb.MERGE_POLICY_INTERLEAVED, pb.MERGE_POLICY_FUSED):
            for user_id in ("ann", "ben", "85123A"):
                answer = stub.Recommend(pb.RecommendRequest(user_id=user_id, merge_policy=policy))
                assert answer.candidates
                assert all(is_sane(each.importance) for each in answer.interests)
                assert all(0 <= each.probability <= 1 for each in answer.interests)
            profile = stub.GetProfile(pb.GetProfileRequest(user_id="ben"))
            assert all(is_sane(each.importance) for each in profile.interests)


@pytest.mark.parametrize("skew_s", _SKEWS_S)
@pytest.mark.parametrize("action_s", [0, CUT_S - 10 * _YEAR_S, CUT_S, CUT_S + 10 * _YEAR_S])
def test_times_of_recent_pins_stay_sane(skew_s: int, action_s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 1970 to ten years ahead of whichever clock."""
    pins = [
        pb.RecentPin(pin_id="cat-0", action_time=Timestamp(seconds=action_s)),
        pb.RecentPin(pin_id="car-0"),
    ]
    with served(skew_s, monkeypatch) as stub:
        answer = stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pins))
        assert answer.candidates
        assert {each.medoid_pin_id for each in answer.interests} <= {"cat-0", "car-0"}
        assert all(is_sane(each.importance) for each in answer.interests)
        assert sum(each.probability for each in answer.interests) == pytest.approx(1)
