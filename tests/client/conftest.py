"""A small world of answers, the fake server that gives them, and a client of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pinnersage.client import (
    Candidate,
    Client,
    Interest,
    InterestOrigin,
    Pin,
    Profile,
    Recommendation,
    SampledInterest,
    SimilarPin,
    SimilarPins,
)
from pinnersage.client.testing import FakeRecommender
from tests.client.servers import PATIENT

NOON = datetime(2013, 8, 7, 12, 0, tzinfo=UTC)

# Two interests, interleaved by rank; every score is exact in float32.
DOGS_AND_HEARTS = Recommendation(
    candidates=(
        Candidate("🐩", 0.875, "🐶"),
        Candidate("22423", 0.75, "85123A"),
        Candidate("🐕‍🦺", 0.625, "🐶"),
        Candidate("47566", 0.5, "85123A"),
    ),
    interests=(
        SampledInterest("🐶", 4.0, 0.5, InterestOrigin.BATCH_AND_ONLINE, cache_hit=True),
        SampledInterest("85123A", 2.0, 0.25, InterestOrigin.BATCH),
    ),
    artefact_version="000003-9f8a12cd",
)

ANN = Profile(
    user_id="ann",
    interests=(
        Interest(
            medoid_pin_id="🐶",
            title="dog face",
            importance=4.0,
            probability=0.5,
            size=12,
            last_action_time=NOON,
            origin=InterestOrigin.BATCH_AND_ONLINE,
        ),
        Interest(medoid_pin_id="gone", importance=0.5, size=1, in_artefact=False),
    ),
    embedding_space="emoji/1",
    computed_at=NOON,
    seen_pins=1_217,
)

TITLES = {
    "🐶": "dog face",
    "🐩": "poodle",
    "🐕‍🦺": "service dog",
    "85123A": "white heart",
    "22423": "cake stand",
}


@pytest.fixture
def fake() -> Iterator[FakeRecommender]:
    server = FakeRecommender(
        recommendations={"ann": DOGS_AND_HEARTS},
        for_pins=Recommendation(candidates=(Candidate("🐩", 0.875, "🐶"),), unknown_pins=1),
        similar={
            "🐶": SimilarPins(pins=(SimilarPin("🐩", 0.875), SimilarPin("🐕‍🦺", 0.625)), cache_hit=True)
        },
        profiles=[ANN],
        pins=[Pin(pin_id, title, pin_id, indexed=True) for pin_id, title in TITLES.items()],
    )
    with server:
        yield server


@pytest.fixture
def client(fake: FakeRecommender) -> Iterator[Client]:
    with Client(fake.target, timeout=PATIENT) as client:
        yield client
