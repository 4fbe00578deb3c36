"""The fake server: answers from values, over a real port."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import grpc

from pinnersage.client._health import HealthStatus
from pinnersage.client._values import Pin, Profile, Recommendation, SimilarPins
from pinnersage.client.testing._answers import Answers
from pinnersage.client.testing._calls import CallLog, ReceivedCall
from pinnersage.client.testing._servicer import FakeServicer, health_handler
from pinnersage.v1.recommender_pb2_grpc import add_RecommenderServicer_to_server


class FakeRecommender:
    """A server on a free port of 127.0.0.1, from entering it as a context to leaving it.

    Args:
        recommendations: What each user gets; other users are unknown.
        for_pins: What any list of recent pins gets.
        similar: The neighbours of each pin; other pins are not found.
        profiles: The profiles of all known users.
        pins: All known pins.
    """

    def __init__(
        self,
        *,
        recommendations: Mapping[str, Recommendation] | None = None,
        for_pins: Recommendation | None = None,
        similar: Mapping[str, SimilarPins] | None = None,
        profiles: Iterable[Profile] = (),
        pins: Iterable[Pin] = (),
    ) -> None:
        self._answers = Answers(
            recommendations=dict(recommendations or {}),
            for_pins=for_pins or Recommendation(),
            similar=dict(similar or {}),
            profiles={profile.user_id: profile for profile in profiles},
            pins={pin.pin_id: pin for pin in pins},
        )
        self._log = CallLog()
        self._server: grpc.Server | None = None
        self._port: int | None = None

    @property
    def target(self) -> str:
        """The address to give to a Client."""
        if self._port is None:
            raise RuntimeError("the fake server has not been started: use it as `with FakeRecommender(...)`")
        return f"127.0.0.1:{self._port}"

    @property
    def calls(self) -> tuple[ReceivedCall, ...]:
        """The calls received, in order, those that were told to fail included; health checks are not."""
        return self._log.received()

    def fail(self, status: grpc.StatusCode, message: str = "told to fail", *, times: int = 1) -> None:
        """End the next `times` calls like this; UNAVAILABLE is retried by a client as it comes."""
        self._log.fail(status, message, times)

    def be(self, health: HealthStatus) -> None:
        """Say this to health checks; SERVING at first."""
        self._answers.health = health

    def __enter__(self) -> Self:
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=8, thread_name_prefix="fake-recommender"),
            handlers=[health_handler(self._answers)],
        )
        add_RecommenderServicer_to_server(FakeServicer(self._answers, self._log), self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None
