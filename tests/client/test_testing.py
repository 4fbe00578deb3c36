"""The fake server keeps to the contract where a caller's tests rely on it."""

import grpc
import pytest

from pinnersage.client import (
    AnswerReason,
    CallError,
    Candidate,
    Client,
    Recommendation,
    SampledInterest,
    UnavailableError,
)
from pinnersage.client.testing import FakeRecommender
from tests.client.servers import PATIENT


def patient(fake: FakeRecommender) -> Client:
    return Client(fake.target, timeout=PATIENT)


def pins(answer: Recommendation) -> list[str]:
    return [candidate.pin_id for candidate in answer.candidates]


def test_exclusions_and_limits_narrow_the_answer(client: Client) -> None:
    """As a server would: what is excluded is refilled, what is limited is cut."""
    assert pins(client.recommend("ann", max_candidates=2)) == ["🐩", "22423"]
    assert pins(client.recommend("ann", max_candidates=2, exclude_pin_ids=["🐩"])) == ["22423", "🐕‍🦺"]
    assert pins(client.recommend("ann", min_score=0.625)) == ["🐩", "22423", "🐕‍🦺"]
    assert pins(client.recommend("ann", max_interests=1)) == ["🐩", "🐕‍🦺"]
    assert len(client.recommend("ann", max_interests=1).interests) == 1


def test_a_lowest_score_given_in_float64_keeps_its_equal() -> None:
    """0.3 is another number in the wire's float32; the same on both sides."""
    answer = Recommendation(candidates=(Candidate("a", 0.3, "m"),))
    with FakeRecommender(recommendations={"ann": answer}) as fake, patient(fake) as client:
        assert pins(client.recommend("ann", min_score=0.3)) == ["a"]


def test_an_answer_narrowed_to_nothing_says_so(client: Client) -> None:
    """ALL_FILTERED, with the interests it would have come from."""
    answer = client.recommend("ann", min_score=0.99)
    assert answer.reason is AnswerReason.ALL_FILTERED
    assert len(answer.interests) == 2


def test_an_answer_that_was_empty_keeps_its_reason() -> None:
    """Nothing was filtered."""
    answer = Recommendation(interests=(SampledInterest("m"),), reason=AnswerReason.NO_USABLE_INTERESTS)
    with FakeRecommender(recommendations={"ann": answer}) as fake, patient(fake) as client:
        assert client.recommend("ann", min_score=0.9).reason is AnswerReason.NO_USABLE_INTERESTS


def test_no_lowest_score_applies_to_a_fallback() -> None:
    """Popular pins have no score to compare; and filtered to nothing, their reason stays."""
    popular = Recommendation(candidates=(Candidate("a"),), reason=AnswerReason.UNKNOWN_USER)
    with FakeRecommender(recommendations={"bob": popular}) as fake, patient(fake) as client:
        assert pins(client.recommend("bob", min_score=0.9)) == ["a"]
        nothing = client.recommend("bob", exclude_pin_ids=["a"])
        assert (nothing.candidates, nothing.reason) == ((), AnswerReason.UNKNOWN_USER)


def test_a_request_id_of_ones_own_is_kept() -> None:
    """Else each call has the next number."""
    with (
        FakeRecommender(recommendations={"ann": Recommendation(request_id="mine")}) as fake,
        patient(fake) as client,
    ):
        assert client.recommend("ann").request_id == "mine"
        assert client.recommend("bob").request_id == "fake-2"


def test_failures_come_in_the_order_told(client: Client, fake: FakeRecommender) -> None:
    """And then the server answers again."""
    fake.fail(grpc.StatusCode.INTERNAL, "first")
    fake.fail(grpc.StatusCode.DATA_LOSS, "second", times=2)
    for message in ("first", "second", "second"):
        with pytest.raises(CallError, match=message):
            client.recommend("ann")
    assert client.recommend("ann").candidates


def test_calls_are_recorded_failed_or_not(client: Client, fake: FakeRecommender) -> None:
    """Under the names of the contract, in order."""
    fake.fail(grpc.StatusCode.INTERNAL)
    with pytest.raises(CallError, match="told to fail"):
        client.profile("ann")
    client.similar_pins("🐶", max_candidates=3)
    assert [call.method for call in fake.calls] == ["GetProfile", "SimilarPins"]
    assert fake.calls[1].arguments == {"pin_id": "🐶", "max_candidates": 3}


def test_a_fake_that_was_not_started_has_no_address() -> None:
    """The message says how to start it."""
    with pytest.raises(RuntimeError, match=r"use it as `with FakeRecommender"):
        _ = FakeRecommender().target


def test_a_fake_is_gone_when_left() -> None:
    """Nothing lingers between tests."""
    with FakeRecommender() as fake:
        target = fake.target
    with Client(target, timeout=PATIENT) as client, pytest.raises(UnavailableError):
        client.recommend("ann")
