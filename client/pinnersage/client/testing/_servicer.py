"""The fake server's methods."""
# ruff: noqa: N802 - gRPC calls them by the names of the wire contract

from collections.abc import Iterator
from time import time
from typing import TypeVar

import grpc

from pinnersage.client._health import METHOD as HEALTH_METHOD
from pinnersage.client.testing import _encoding as encoding
from pinnersage.client.testing._answers import Answers
from pinnersage.client.testing._calls import CallLog
from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderServicer

AnswerT = TypeVar(
    "AnswerT",
    pb.RecommendResponse,
    pb.RecommendForPinsResponse,
    pb.SimilarPinsResponse,
    pb.GetProfileResponse,
    pb.GetPinsResponse,
    pb.RecordActionResponse,
)


class FakeServicer(RecommenderServicer):
    """Notes each call, fails where it was told to, and answers from the values given."""

    def __init__(self, answers: Answers, log: CallLog) -> None:
        self._answers = answers
        self._log = log

    def Recommend(self, request: pb.RecommendRequest, context: grpc.ServicerContext) -> pb.RecommendResponse:
        """What the user gets, or an empty answer with the reason."""
        request_id = self._log.receive(request, context)
        return _identified(self._answers.recommendation(request.user_id, request), request_id)

    def RecommendForPins(
        self, request: pb.RecommendForPinsRequest, context: grpc.ServicerContext
    ) -> pb.RecommendForPinsResponse:
        """What any pins get."""
        request_id = self._log.receive(request, context)
        return _identified(self._answers.recommendation_for_pins(request), request_id)

    def RecommendBatch(
        self, request: pb.RecommendBatchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RecommendBatchResponse]:
        """One message a user."""
        request_id = self._log.receive(request, context)
        for user_id in request.user_ids:
            answer = _identified(self._answers.recommendation(user_id, request), request_id)
            result = pb.UserRecommendation(user_id=user_id, recommendation=answer)
            yield pb.RecommendBatchResponse(results=[result])

    def SimilarPins(
        self, request: pb.SimilarPinsRequest, context: grpc.ServicerContext
    ) -> pb.SimilarPinsResponse:
        """The neighbours given, or NOT_FOUND."""
        request_id = self._log.receive(request, context)
        answer = self._answers.similar_pins(request)
        if answer is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"pin_id: there is no pin {request.pin_id!r}")
        return _identified(answer, request_id)

    def GetProfile(
        self, request: pb.GetProfileRequest, context: grpc.ServicerContext
    ) -> pb.GetProfileResponse:
        """The profile given, or NOT_FOUND."""
        request_id = self._log.receive(request, context)
        profile = self._answers.profiles.get(request.user_id)
        if profile is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"user_id: there is no user {request.user_id!r}")
        return _identified(encoding.profile(profile), request_id)

    def GetPins(self, request: pb.GetPinsRequest, context: grpc.ServicerContext) -> pb.GetPinsResponse:
        """The known pins, and the ids of the others."""
        request_id = self._log.receive(request, context)
        return _identified(self._answers.known_pins(request.pin_ids), request_id)

    def RecordAction(
        self, request: pb.RecordActionRequest, context: grpc.ServicerContext
    ) -> pb.RecordActionResponse:
        """The time given, or now."""
        request_id = self._log.receive(request, context)
        answer = pb.RecordActionResponse(action_time=request.action_time)
        if not request.HasField("action_time"):
            answer.action_time.FromSeconds(int(time()))
        return _identified(answer, request_id)


def health_handler(answers: Answers) -> grpc.GenericRpcHandler:
    """The standard health check."""

    def check(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        return encoding.health(answers.health)

    _, service, method = HEALTH_METHOD.split("/")
    return grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(check)})


def _identified(answer: AnswerT, request_id: str) -> AnswerT:
    """The answer under the call's id, unless it was given one."""
    answer.request_id = answer.request_id or request_id
    return answer
