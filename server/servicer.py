"""The methods of pinnersage.v1.Recommender: read, recommend, encode. No try/except here."""

from collections.abc import Iterator, Sequence
from itertools import islice

from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.v1 import recommender_pb2 as pb
from server.answers import (
    encode_recommendation_for_pins,
    encode_similar,
    pins_message,
    profile_message,
    recommendation_pieces,
)
from server.calls import Call
from server.encoding import Result, batch_messages, encode_request_id, result_of_user
from server.errors import NotEnabledError, NotFoundError
from server.filter_validation import Kinds
from server.limits import LIMITS
from server.observing import NOBODY_LOOKS, Observer
from server.reading import Reader, parse
from server.recommending import Recommender
from server.recommending_each import recommend_each
from server.recording import Recorder
from server.validation import (
    Defaults,
    Options,
    validate_get_pins,
    validate_get_profile,
    validate_recommend_batch,
    validate_recommend_for_pins,
    validate_record_action,
    validate_similar_pins,
)


class Servicer:
    """Answers every method: from serialised bytes to serialised bytes.

    Args:
        recommender: The stages. Replaced by others, it is the one that each later call is answered by.
        defaults: What holds where a request says nothing.
        observer: Sees every answer.
        recorder: Takes actions; None for a server without an event stream.
    """

    def __init__(
        self,
        recommender: Recommender,
        defaults: Defaults,
        observer: Observer = NOBODY_LOOKS,
        recorder: Recorder | None = None,
    ) -> None:
        self.recommender = recommender
        self._defaults = defaults
        self._reader = Reader(defaults)
        self._observer = observer
        self._recorder = recorder

    def recommend(self, serialised: bytes, call: Call) -> bytes:
        """Recommend for one user."""
        recommender = self.recommender
        user_id, options = self._reader.recommend(serialised, _kinds(recommender))
        call.user_id = user_id
        answer = recommender.for_user(user_id, options, call.deadline)
        with recommender.metrics.stage("encode"):
            request_id = encode_request_id(call.request_id)
            sent = b"".join(recommendation_pieces(answer, options, recommender.pins.version, request_id))
        self._observer.saw(recommender, call.method, user_id, options, sent)
        return sent

    def recommend_for_pins(self, serialised: bytes, call: Call) -> bytes:
        """Recommend from recent pins."""
        recommender = self.recommender
        request = parse(pb.RecommendForPinsRequest, serialised)
        actions, options = validate_recommend_for_pins(request, self._defaults, _kinds(recommender))
        recommendation, unknown_pins = recommender.for_pins(actions, options, call.deadline)
        with recommender.metrics.stage("encode"):
            sent = encode_recommendation_for_pins(
                recommendation,
                unknown_pins,
                options=options,
                version=recommender.pins.version,
                request_id=call.request_id,
            )
        self._observer.saw(recommender, call.method, "", options, sent)
        return sent

    def recommend_batch(self, serialised: bytes, call: Call) -> Iterator[bytes]:
        """Recommend for many users, streamed back in order."""
        recommender = self.recommender
        request = parse(pb.RecommendBatchRequest, serialised)
        asked = validate_recommend_batch(request, self._defaults, _kinds(recommender))
        yield from batch_messages(self._results(recommender, asked, call), LIMITS.stream_message_bytes)

    def _results(
        self, recommender: Recommender, asked: Sequence[tuple[str, Options]], call: Call
    ) -> Iterator[Result]:
        users, version, request_id = iter(asked), recommender.pins.version, encode_request_id(call.request_id)
        for answers in recommend_each(recommender, asked, call.deadline):
            some = list(islice(users, len(answers)))
            with recommender.metrics.stage("encode"):
                encoded = [
                    recommendation_pieces(answer, options, version, request_id)
                    for answer, (_, options) in zip(answers, some, strict=True)
                ]
            for (user_id, options), pieces in zip(some, encoded, strict=True):
                self._observer.saw(recommender, call.method, user_id, options, *pieces)
                yield result_of_user(user_id, pieces)

    def similar_pins(self, serialised: bytes, call: Call) -> bytes:
        """The neighbours of one pin."""
        recommender = self.recommender
        request = parse(pb.SimilarPinsRequest, serialised)
        pin_id, options = validate_similar_pins(request, _kinds(recommender))
        recommendation, cache_hit = recommender.similar(pin_id, options, call.deadline)
        with recommender.metrics.stage("encode"):
            return encode_similar(
                recommendation, cache_hit, version=recommender.pins.version, request_id=call.request_id
            )

    def get_profile(self, serialised: bytes, call: Call) -> bytes:
        """All of a user's interests."""
        user_id = call.user_id = validate_get_profile(parse(pb.GetProfileRequest, serialised))
        recommender = self.recommender
        profile = recommender.profiles.load(user_id, recommender.clock())
        if profile is None:
            raise NotFoundError(f"user_id: the profile store knows no user {user_id!r}")
        representatives, _ = recommender.profiles.representatives(profile)
        return profile_message(
            user_id,
            profile,
            representatives,
            batch=recommender.profiles.batch,
            pins=recommender.pins,
            request_id=call.request_id,
        ).SerializeToString()

    def get_pins(self, serialised: bytes, call: Call) -> bytes:
        """Titles and representatives."""
        pin_ids = validate_get_pins(parse(pb.GetPinsRequest, serialised))
        recommender = self.recommender
        return pins_message(
            pin_ids, pins=recommender.pins, blocked=recommender.blocked(), request_id=call.request_id
        ).SerializeToString()

    def record_action(self, serialised: bytes, call: Call) -> bytes:
        """Append what a user did to the event stream."""
        request = parse(pb.RecordActionRequest, serialised)
        recommender, recorder = self.recommender, self._recorder
        if recorder is None:
            raise NotEnabledError(
                "this server records no actions: start it with --events URL (PINNERSAGE_EVENTS)"
            )
        event = validate_record_action(request, recommender.clock())
        call.user_id = event.user_id
        with recommender.metrics.stage("record"):
            recorder.record(event, call.deadline)
        return pb.RecordActionResponse(
            request_id=call.request_id, action_time=Timestamp(seconds=event.timestamp_s)
        ).SerializeToString()


def _kinds(recommender: Recommender) -> Kinds:
    return recommender.pins.columns.kinds
