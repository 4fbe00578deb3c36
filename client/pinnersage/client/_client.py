"""The client: one method for each of the service's, plain values in and out."""

from collections.abc import Generator, Iterable
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

import grpc

from pinnersage.client import _decoding as decoding
from pinnersage.client._config import DEFAULT_RETRIES, DEFAULT_TIMEOUT, Retries, Timeout
from pinnersage.client._connection import Connection
from pinnersage.client._enums import MergePolicy
from pinnersage.client._filters import Condition
from pinnersage.client._health import REQUEST as HEALTH_REQUEST
from pinnersage.client._health import HealthStatus, health_check
from pinnersage.client._requests import build, filter_of, recent_pins, timestamp_of
from pinnersage.client._values import (
    Pins,
    Profile,
    RecentPin,
    Recommendation,
    RecordedAction,
    SimilarPins,
    UserRecommendation,
)
from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub


class Client:
    """A connection to a PinnerSage server, for any number of threads.

        with Client("recommender:50051") as client:
            for candidate in client.recommend("ann", max_candidates=20).candidates:
                print(candidate.pin_id, candidate.score, candidate.medoid_pin_id)

    Make one and keep it: connecting is what costs. Do not carry it across a fork; make it in the child.
    Arguments left out take the server's defaults; the server checks the limits.

    Args:
        target: HOST:PORT, or any gRPC target; with dns:///HOST:PORT calls go round all of its addresses.
        timeout: How long calls may take.
        retries: When a call that met UNAVAILABLE is tried again.
        credentials: For TLS: `grpc.ssl_channel_credentials(...)`. Without them the connection is plain text.
        api_key: Sent with every call as `authorization: Bearer KEY`; in the clear where there is no TLS.

    Raises:
        ConfigurationError: The target or the API key cannot be used.

    Every method raises CallError (see `pinnersage.client._errors` for its kinds) when the call fails,
    ClosedError once the client is closed, and ConfigurationError for a `timeout_s` that is no time to wait
    or a `request_id` that cannot be sent.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
        retries: Retries = DEFAULT_RETRIES,
        credentials: grpc.ChannelCredentials | None = None,
        api_key: str | None = None,
    ) -> None:
        self._connection = Connection(
            target, timeout=timeout, retries=retries, credentials=credentials, api_key=api_key
        )
        self._call, self._stream = self._connection.call, self._connection.stream
        self._stub = RecommenderStub(self._connection.channel)
        self._health_check = health_check(self._connection.channel)

    def recommend(
        self,
        user_id: str,
        *,
        max_candidates: int | None = None,
        max_interests: int | None = None,
        exclude_pin_ids: Iterable[str] = (),
        seed: int | None = None,
        min_score: float | None = None,
        merge_policy: MergePolicy | None = None,
        filters: Iterable[Condition] = (),
        variant: str | None = None,
        request_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Recommendation:
        """Candidates near the user's interests: a few, sampled by importance, or all of them together.

        An unknown user is not an error: the answer is empty (or a fallback), and says why.

        Args:
            user_id: Up to 128 bytes of UTF-8.
            max_candidates: 1 to 1,000; default 400.
            max_interests: How many interests are sampled: 1 to 20; default 3. Not with FUSED.
            exclude_pin_ids: Up to 2,000 pins that must not come back, nor any near-duplicate of theirs.
            seed: The same seed, user and data give the same answer; None samples afresh.
            min_score: Candidates below this cosine are dropped, -1 to 1.
            merge_policy: How the interests' lists become one answer; default: the server's.
            filters: Conditions that every candidate must meet, up to 16; default: none.
            variant: The server's named set of parameters for what is left out here; default: the one that the
                user's hash picks, if any does. The empty name is none of them.
            request_id: What the server's logs call this call: up to 128 printable ASCII characters; default:
                a name that the server makes.
            timeout_s: For this call, in place of `Timeout.call_s`: 0.001 to 86,400.
        """
        request = build(
            pb.RecommendRequest,
            user_id=user_id,
            max_candidates=max_candidates,
            max_interests=max_interests,
            exclude_pin_ids=exclude_pin_ids,
            seed=seed,
            min_score=min_score,
            merge_policy=merge_policy,
            filter=filter_of(pb.RecommendRequest, filters),
            variant=variant,
        )
        return decoding.recommendation(
            self._call("Recommend", self._stub.Recommend, request, timeout_s, request_id)
        )

    def recommend_for_pins(
        self,
        pins: Iterable[str | RecentPin],
        *,
        max_candidates: int | None = None,
        max_interests: int | None = None,
        exclude_pin_ids: Iterable[str] = (),
        seed: int | None = None,
        min_score: float | None = None,
        merge_policy: MergePolicy | None = None,
        filters: Iterable[Condition] = (),
        variant: str | None = None,
        request_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Recommendation:
        """The same for someone without a stored profile, from pins they acted on lately.

        Args:
            pins: 1 to 200 pins, as ids (acted on now) or as RecentPin with a time. Those the server does not
                know are ignored and counted in `unknown_pins`.
            max_candidates: As in `recommend`, like all that follow.
            max_interests: See `recommend`.
            exclude_pin_ids: See `recommend`.
            seed: See `recommend`.
            min_score: See `recommend`.
            merge_policy: See `recommend`.
            filters: See `recommend`.
            variant: See `recommend`; default: none.
            request_id: See `recommend`.
            timeout_s: See `recommend`.
        """
        request = build(
            pb.RecommendForPinsRequest,
            pins=recent_pins(pins),
            max_candidates=max_candidates,
            max_interests=max_interests,
            exclude_pin_ids=exclude_pin_ids,
            seed=seed,
            min_score=min_score,
            merge_policy=merge_policy,
            filter=filter_of(pb.RecommendForPinsRequest, filters),
            variant=variant,
        )
        return decoding.recommendation(
            self._call("RecommendForPins", self._stub.RecommendForPins, request, timeout_s, request_id)
        )

    def recommend_batch(
        self,
        user_ids: Iterable[str],
        *,
        max_candidates: int | None = None,
        max_interests: int | None = None,
        exclude_pin_ids: Iterable[str] = (),
        seed: int | None = None,
        min_score: float | None = None,
        merge_policy: MergePolicy | None = None,
        filters: Iterable[Condition] = (),
        variant: str | None = None,
        request_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Generator[UserRecommendation, None, None]:
        """`recommend` for up to 1,000 users in one call.

        The call starts here; its results come in the order asked, while the server still works on the rest,
        and so does an error. Closing the generator early cancels the call.

        Args:
            user_ids: 1 to 1,000 users.
            max_candidates: As in `recommend`, like all that follow; the same for every user.
            max_interests: See `recommend`.
            exclude_pin_ids: See `recommend`.
            seed: See `recommend`.
            min_score: See `recommend`.
            merge_policy: See `recommend`.
            filters: See `recommend`.
            variant: See `recommend`.
            request_id: See `recommend`.
            timeout_s: For the whole batch, in place of `Timeout.batch_s`.
        """
        request = build(
            pb.RecommendBatchRequest,
            user_ids=user_ids,
            max_candidates=max_candidates,
            max_interests=max_interests,
            exclude_pin_ids=exclude_pin_ids,
            seed=seed,
            min_score=min_score,
            merge_policy=merge_policy,
            filter=filter_of(pb.RecommendBatchRequest, filters),
            variant=variant,
        )
        ask, decode = self._stub.RecommendBatch, decoding.user_recommendations
        return self._stream(
            "RecommendBatch", ask, request, decode, timeout_s=timeout_s, request_id=request_id
        )

    def similar_pins(
        self,
        pin_id: str,
        *,
        max_candidates: int | None = None,
        exclude_pin_ids: Iterable[str] = (),
        min_score: float | None = None,
        filters: Iterable[Condition] = (),
        timeout_s: float | None = None,
    ) -> SimilarPins:
        """The pins nearest to one pin.

        Args:
            pin_id: The pin.
            max_candidates: As in `recommend`, like all that follow.
            exclude_pin_ids: See `recommend`.
            min_score: See `recommend`.
            filters: See `recommend`.
            timeout_s: See `recommend`.

        Raises:
            NotFoundError: The server does not know the pin.
        """
        request = build(
            pb.SimilarPinsRequest,
            pin_id=pin_id,
            max_candidates=max_candidates,
            exclude_pin_ids=exclude_pin_ids,
            min_score=min_score,
            filter=filter_of(pb.SimilarPinsRequest, filters),
        )
        return decoding.similar_pins(self._call("SimilarPins", self._stub.SimilarPins, request, timeout_s))

    def profile(self, user_id: str, *, timeout_s: float | None = None) -> Profile:
        """Everything the server holds about the user's interests.

        Raises:
            NotFoundError: The server does not know the user.
        """
        request = build(pb.GetProfileRequest, user_id=user_id)
        return decoding.profile(self._call("GetProfile", self._stub.GetProfile, request, timeout_s))

    def pins(self, pin_ids: Iterable[str], *, timeout_s: float | None = None) -> Pins:
        """Titles and representatives of up to 1,000 pins; unknown ones are listed, not an error."""
        request = build(pb.GetPinsRequest, pin_ids=pin_ids)
        return decoding.pins(self._call("GetPins", self._stub.GetPins, request, timeout_s))

    def record(
        self,
        user_id: str,
        pin_id: str,
        action: str,
        *,
        action_time: datetime | None = None,
        event_id: str | None = None,
        request_id: str | None = None,
        timeout_s: float | None = None,
    ) -> RecordedAction:
        """Append what a user did to the server's event stream; when this returns, the stream keeps it.

        After an UnavailableError or a DeadlineExceededError it may be there all the same. Who asks again then
        gives the `event_id` of the first time, and it counts once, as it does when this client retries.

        Args:
            user_id: Up to 128 bytes of UTF-8, as the next two.
            pin_id: The pin acted on; it is not looked up.
            action: What was done, by a name of the data set's action weights.
            action_time: When; an aware datetime, from 1970 to an hour from now. Default: now.
            event_id: What the action is known by; default: one that is made up here.
            request_id: See `recommend`.
            timeout_s: See `recommend`.

        Raises:
            ServerError: With status FAILED_PRECONDITION, for a server without an event stream.
        """
        event_id = str(uuid4()) if event_id is None else event_id
        request = build(
            pb.RecordActionRequest,
            user_id=user_id,
            pin_id=pin_id,
            action=action,
            action_time=timestamp_of(pb.RecordActionRequest, "action_time", action_time),
            event_id=event_id,
        )
        response = self._call("RecordAction", self._stub.RecordAction, request, timeout_s, request_id)
        return decoding.recorded_action(response, event_id)

    def health(self, *, timeout_s: float | None = None) -> HealthStatus:
        """What the server says about itself; an UnavailableError when there is none. Never retried."""
        return self._call("Health/Check", self._health_check, HEALTH_REQUEST, timeout_s)

    def close(self) -> None:
        """Hang up; calls under way end with ClosedError. Closing again does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self._connection.target}{', closed' if self._connection.is_closed else ''}>"
