"""Each method against a real server: what goes out, what comes back, how it ends."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from threading import Event
from typing import Any

import grpc
import pytest

from pinnersage.client import (
    AnswerReason,
    Candidate,
    Client,
    ClosedError,
    ConfigurationError,
    DeadlineExceededError,
    InvalidArgumentError,
    MergePolicy,
    NotFoundError,
    Pin,
    RecentPin,
    Recommendation,
    ServerError,
    SimilarPin,
    Timeout,
    UnavailableError,
)
from pinnersage.client.testing import FakeRecommender
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.conftest import ANN, DOGS_AND_HEARTS, NOON
from tests.client.servers import PATIENT, serving
from tests.waiting import HANG_S


def sent(fake: FakeRecommender) -> dict[str, object]:
    """The arguments of the newest call."""
    return dict(fake.calls[-1].arguments)


def test_recommend_answers_with_the_servers_values(client: Client) -> None:
    """Order, scores, reasons and versions arrive as they were sent."""
    answer = client.recommend("ann")
    assert answer.candidates == DOGS_AND_HEARTS.candidates
    assert answer.interests == DOGS_AND_HEARTS.interests
    assert answer.artefact_version == "000003-9f8a12cd"
    assert answer.request_id == "fake-1"
    assert answer.reason is AnswerReason.ORDINARY


def test_an_unknown_user_is_an_empty_answer_with_its_reason(client: Client) -> None:
    """Feeds need no special case for new users."""
    answer = client.recommend("nobody")
    assert answer.candidates == ()
    assert answer.reason is AnswerReason.UNKNOWN_USER


def test_an_option_left_out_is_not_sent(client: Client, fake: FakeRecommender) -> None:
    """Defaults are the server's: the client repeats none of them."""
    client.recommend("ann")
    assert sent(fake) == {"user_id": "ann"}


def test_every_option_reaches_the_server(client: Client, fake: FakeRecommender) -> None:
    """Also those that look like nothing: seed 0 and a lowest score of 0."""
    options: dict[str, Any] = {
        "max_candidates": 7,
        "max_interests": 2,
        "seed": 0,
        "min_score": 0.0,
        "merge_policy": MergePolicy.INTERLEAVED,
        "variant": "",
    }
    client.recommend("ann", **options, exclude_pin_ids={"🐩"})
    assert sent(fake) == {"user_id": "ann", **options, "exclude_pin_ids": ("🐩",)}
    client.recommend_for_pins(["🐶"], **options, exclude_pin_ids=("🐩",))
    assert sent(fake) == {"pins": (RecentPin("🐶"),), **options, "exclude_pin_ids": ("🐩",)}
    list(client.recommend_batch(["ann"], **options, exclude_pin_ids=iter(["🐩"])))
    assert sent(fake) == {"user_ids": ("ann",), **options, "exclude_pin_ids": ("🐩",)}


def test_the_variant_used_comes_back(client: Client) -> None:
    """The answer names what it was made by; None for none."""
    assert client.recommend("ann", variant="wide").variant == "wide"
    assert client.recommend_for_pins(["🐶"], variant="wide").variant == "wide"
    assert client.recommend("ann").variant is None


def test_a_call_goes_by_the_name_its_caller_gives(client: Client) -> None:
    """The answer bears it, and so does an error; without one the server makes one."""
    assert client.recommend("ann", request_id="page-7").request_id == "page-7"
    assert client.recommend_for_pins(["🐶"], request_id="page-8").request_id == "page-8"
    (result,) = client.recommend_batch(["ann"], request_id="page-9")
    assert result.recommendation.request_id == "page-9"


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a\nb", "naïve"])
def test_a_name_that_cannot_be_sent_is_refused(client: Client, request_id: str) -> None:
    """Before anything is sent, with the limits."""
    with pytest.raises(ConfigurationError, match="request_id must be 1 to 128 printable ASCII characters"):
        client.recommend("ann", request_id=request_id)


def test_recommend_for_pins_takes_ids_and_times(client: Client, fake: FakeRecommender) -> None:
    """A plain id is a pin acted on now; the server's count of unknown pins comes back."""
    timed = RecentPin("85123A", NOON), RecentPin("x", NOON - timedelta(microseconds=1))
    answer = client.recommend_for_pins(["🐶", *timed])
    assert sent(fake) == {"pins": (RecentPin("🐶"), *timed)}
    assert answer.candidates == (Candidate("🐩", 0.875, "🐶"),)
    assert answer.unknown_pins == 1


def test_a_batch_comes_in_the_order_asked(client: Client) -> None:
    """One result a user, whoever is known."""
    results = list(client.recommend_batch(["nobody", "ann", "nobody"]))
    assert [result.user_id for result in results] == ["nobody", "ann", "nobody"]
    assert results[1].recommendation.candidates == DOGS_AND_HEARTS.candidates


def test_similar_pins(client: Client, fake: FakeRecommender) -> None:
    """The neighbours, nearest first."""
    answer = client.similar_pins("🐶", max_candidates=1, exclude_pin_ids=["🐕‍🦺"], min_score=0.5)
    assert answer.pins == (SimilarPin("🐩", 0.875),)
    assert answer.cache_hit
    assert sent(fake)["exclude_pin_ids"] == ("🐕‍🦺",)


def test_profile(client: Client) -> None:
    """Everything the server holds, with aware times."""
    profile = client.profile("ann")
    assert profile.interests == ANN.interests
    assert profile.computed_at == NOON
    assert profile.computed_at.tzinfo is not None
    assert profile.actions_until is None
    assert profile.seen_pins == 1_217


def test_pins(client: Client) -> None:
    """Known ones in the order asked, the others by id."""
    answer = client.pins(["85123A", "?", "🐶"])
    assert answer.pins == (
        Pin("85123A", "white heart", "85123A", indexed=True),
        Pin("🐶", "dog face", "🐶", indexed=True),
    )
    assert answer.unknown_pin_ids == ("?",)


def test_long_titles_arrive() -> None:
    """A thousand of 8,000 characters are twice what gRPC takes by default."""
    known = [Pin(f"pin-{n}", "x" * 8_000) for n in range(1_000)]
    with FakeRecommender(pins=known) as fake, Client(fake.target, timeout=PATIENT) as client:
        assert client.pins([pin.pin_id for pin in known]).pins == tuple(known)


def test_many_threads_share_a_client(client: Client) -> None:
    """Each of 400 calls from 8 threads gets the answer to its own question."""

    def ask(n: int) -> tuple[str, ...]:
        return client.pins([f"pin-{n}"]).unknown_pin_ids

    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(threads.map(ask, range(400)))
    assert answers == [(f"pin-{n}",) for n in range(400)]


def test_the_api_key_goes_with_every_call(fake: FakeRecommender) -> None:
    """As a bearer token, also with a batch; without a key there is no such header."""
    with Client(fake.target, timeout=PATIENT, api_key="s3cret") as client:
        client.recommend("ann")
        list(client.recommend_batch(["ann"]))
    assert [call.metadata["authorization"] for call in fake.calls] == ["Bearer s3cret"] * 2
    with Client(fake.target, timeout=PATIENT) as client:
        client.recommend("ann")
    assert "authorization" not in fake.calls[-1].metadata


def test_credentials_ask_for_tls(fake: FakeRecommender) -> None:
    """A server that speaks plain text is no server then: nothing is sent to it."""
    with (
        Client(fake.target, timeout=PATIENT, credentials=grpc.ssl_channel_credentials()) as client,
        pytest.raises(UnavailableError, match=r"(?i)handshake"),
    ):
        client.recommend("ann")
    assert fake.calls == ()


def test_the_server_learns_who_calls(client: Client, fake: FakeRecommender) -> None:
    """Old clients can be found in a server's log."""
    client.recommend("ann")
    assert str(fake.calls[0].metadata["user-agent"]).startswith("pinnersage-client/")


def test_calls_carry_their_deadline() -> None:
    """The client's policy, or the call's own; a batch has more time."""
    left: list[float] = []

    def recommend(_: pb.RecommendRequest, context: grpc.ServicerContext) -> pb.RecommendResponse:
        left.append(context.time_remaining())
        return pb.RecommendResponse()

    def batch(
        _: pb.RecommendBatchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RecommendBatchResponse]:
        left.append(context.time_remaining())
        yield pb.RecommendBatchResponse()

    with (
        serving(recommend=recommend, recommend_batch=batch) as target,
        Client(target, timeout=Timeout(call_s=1_000, batch_s=5_000)) as client,
    ):
        client.recommend("ann")
        client.recommend("ann", timeout_s=20_000)
        list(client.recommend_batch(["ann"]))
        list(client.recommend_batch(["ann"], timeout_s=80_000))
    # Far apart, so that a slow machine cannot take one for another.
    assert left == pytest.approx([1_000, 20_000, 5_000, 80_000], rel=0.2)


def test_no_answer_in_time() -> None:
    """The caller is let go with the deadline's own error."""
    go_on = Event()

    def recommend(_: pb.RecommendRequest, __: grpc.ServicerContext) -> pb.RecommendResponse:
        go_on.wait(HANG_S)
        return pb.RecommendResponse()

    with serving(recommend=recommend) as target, Client(target) as client:
        with pytest.raises(DeadlineExceededError) as caught:
            client.recommend("ann", timeout_s=0.05)
        go_on.set()
    assert caught.value.target == target


@pytest.mark.parametrize("read", [0, 1])
def test_leaving_a_batch_early_cancels_it(read: int) -> None:
    """The server stops working for a reader who has gone, even one who never began to read."""
    began, ended = Event(), Event()

    def endless(
        _: pb.RecommendBatchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RecommendBatchResponse]:
        began.set()
        context.add_callback(ended.set)
        while context.is_active():
            yield pb.RecommendBatchResponse(results=[pb.UserRecommendation(user_id="ann")])

    with serving(recommend_batch=endless) as target, Client(target, timeout=PATIENT) as client:
        results = client.recommend_batch(["ann"])
        assert began.wait(HANG_S)
        assert [result.user_id for result in islice(results, read)] == ["ann"] * read
        results.close()
        assert ended.wait(HANG_S)


def test_a_batch_that_fails_midway_gives_what_it_had() -> None:
    """The error comes after the results before it, typed like any other."""

    def failing(
        _: pb.RecommendBatchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RecommendBatchResponse]:
        yield pb.RecommendBatchResponse(results=[pb.UserRecommendation(user_id="ann")])
        context.abort(grpc.StatusCode.INTERNAL, "out of luck")

    with serving(recommend_batch=failing) as target, Client(target, timeout=PATIENT) as client:
        results = client.recommend_batch(["ann", "bob"])
        assert next(results).recommendation == Recommendation()
        with pytest.raises(ServerError, match="out of luck"):
            next(results)


def test_a_closed_client_says_so(client: Client) -> None:
    """Every method, and closing twice is fine."""
    client.close()
    client.close()
    calls: list[Callable[[], object]] = [
        lambda: client.recommend("ann"),
        lambda: client.recommend_for_pins(["🐶"]),
        lambda: client.recommend_batch(["ann"]),
        lambda: client.similar_pins("🐶"),
        lambda: client.profile("ann"),
        lambda: client.pins(["🐶"]),
        client.health,
    ]
    for call in calls:
        with pytest.raises(ClosedError, match="the client was closed"):
            call()
    assert repr(client).endswith(", closed>")


def test_leaving_the_block_closes_the_client(fake: FakeRecommender) -> None:
    """However it is left."""
    with pytest.raises(ZeroDivisionError), Client(fake.target) as client:
        raise ZeroDivisionError
    with pytest.raises(ClosedError):
        client.recommend("ann")


def test_closing_ends_calls_under_way() -> None:
    """A call in another thread ends with ClosedError, not with a timeout."""
    arrived, go_on = Event(), Event()

    def recommend(_: pb.RecommendRequest, __: grpc.ServicerContext) -> pb.RecommendResponse:
        arrived.set()
        go_on.wait(HANG_S)
        return pb.RecommendResponse()

    with serving(recommend=recommend) as target, ThreadPoolExecutor() as threads:
        client = Client(target)
        under_way = threads.submit(client.recommend, "ann", timeout_s=HANG_S)
        assert arrived.wait(HANG_S)
        client.close()
        assert isinstance(under_way.exception(timeout=HANG_S), ClosedError)
        go_on.set()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda client: client.recommend("ann", max_candidates=-1),
            "max_candidates cannot be -1: it is a whole number, 0 to",
        ),
        (lambda client: client.recommend("ann", max_interests=2**32), "max_interests cannot be 4294967296"),
        (lambda client: client.recommend("ann", seed="7"), "seed cannot be '7'"),
        (lambda client: client.recommend("ann", merge_policy="fused"), "merge_policy cannot be 'fused'"),
        (lambda client: client.recommend(7), "user_id cannot be 7"),
        (lambda client: client.recommend("\ud800"), r"user_id cannot be '\\ud800': .*surrogates not allowed"),
        (
            lambda client: client.recommend("a", exclude_pin_ids="bcd"),
            "exclude_pin_ids takes a list, not 'bcd'",
        ),
        (lambda client: client.recommend("a", exclude_pin_ids=[1]), r"exclude_pin_ids cannot be \[1\]"),
        (lambda client: client.recommend_batch("ann"), "user_ids takes a list, not 'ann'"),
        (lambda client: client.recommend_batch(b"ann"), "user_ids takes a list, not b'ann'"),
        (lambda client: client.pins(7), "pin_ids takes a list, not 7"),
        (lambda client: client.recommend_for_pins("abc"), "pins takes a list, not 'abc'"),
        (lambda client: client.recommend_for_pins(["a", 7]), r"pins\[1\] needs a pin's id, not 7"),
        (
            lambda client: client.recommend_for_pins([RecentPin("a", NOON.replace(tzinfo=None))]),
            r"pins\[0\].action_time has no time zone: use datetime.now\(UTC\)",
        ),
        (
            lambda client: client.recommend_for_pins([RecentPin("a", 1_700_000_000)]),  # type: ignore[arg-type] # the point
            r"pins\[0\].action_time needs a datetime, not 1700000000: use datetime.fromtimestamp\(seconds",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_by_the_fields_name(
    client: Client, fake: FakeRecommender, ask: object, message: str
) -> None:
    """As the server would say it, without a trip there; no id is ever taken letter by letter."""
    assert callable(ask)
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        ask(client)
    assert caught.value.target is None
    assert fake.calls == ()


def test_an_unknown_pin_is_not_found(client: Client) -> None:
    """The error names what was not there."""
    with pytest.raises(NotFoundError, match="there is no pin 'x'"):
        client.similar_pins("x")


def test_an_action_is_recorded_as_it_is_said(client: Client, fake: FakeRecommender) -> None:
    """Who, what, when, and under which id; left out, the time is the server's and the id is made up here."""
    then = client.record("ann", "85123A", "save", action_time=NOON, event_id="a-1")
    assert (then.action_time, then.event_id, then.request_id) == (NOON, "a-1", "fake-1")
    assert sent(fake) == {
        "user_id": "ann",
        "pin_id": "85123A",
        "action": "save",
        "action_time": NOON,
        "event_id": "a-1",
    }
    now = client.record("ann", "85123A", "save")
    assert now.action_time > NOON
    assert sent(fake).keys() == {"user_id", "pin_id", "action", "event_id"}
    assert sent(fake)["event_id"] == now.event_id != client.record("ann", "85123A", "save").event_id


def test_an_action_that_is_recorded_again_counts_once(client: Client, fake: FakeRecommender) -> None:
    """The stream may have kept what the caller heard nothing of: the retry has the same id."""
    fake.fail(grpc.StatusCode.UNAVAILABLE)
    client.record("ann", "85123A", "save")
    first, second = (call.arguments["event_id"] for call in fake.calls)
    assert first == second


def test_a_time_without_a_zone_is_no_time_of_an_action(client: Client) -> None:
    """It would be another one on every machine."""
    with pytest.raises(InvalidArgumentError, match="action_time has no time zone"):
        client.record("ann", "85123A", "save", action_time=NOON.replace(tzinfo=None))
