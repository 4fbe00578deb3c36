"""Random requests, by atheris: which of them reach new code is what the next ones are made from.

A program of its own, since atheris rewrites the modules it is to see into as they are imported, and ends the
process: python -m tests.reliability.fuzzing TALLY -runs=N -seed=N FOLDER
"""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import atheris
import grpc
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

with atheris.instrument_imports(include=["server"]):
    from server.methods import method_handlers
    from server.servicer import Servicer
    from server.validation import Defaults

from pinnersage.v1 import recommender_pb2 as pb
from process.logs import configure_logs
from server.metrics import Metrics
from server.metrics_catalogue import METHODS, SERVICE
from tests.server.test_filtered_calls import EVEN, any_of, filterable_pins, none_of, where, within
from tests.server.test_observing import recommender_of
from tests.server.world import default_people

# The caller's mistakes, and one that is nobody's: this server has no event stream to record into.
EXPECTED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
}
WHOLE = "answered"


class RefusedError(Exception):
    """How grpc ends a call that is refused."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code


class Caller:
    """A call's context: a caller who waits, and says nothing of themselves."""

    def time_remaining(self) -> float | None:
        return None

    def is_active(self) -> bool:
        return True

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        raise RefusedError(status.code)


@dataclass
class Arrival:
    """Which method is asked for. Implements grpc.HandlerCallDetails."""

    method: str
    invocation_metadata: tuple[tuple[str, str | bytes], ...] = ()


class Target:
    """All methods, over a small world in memory, without a network: the first byte of the input picks one."""

    def __init__(self) -> None:
        metrics, threads = Metrics(CollectorRegistry()), ThreadPoolExecutor(1)
        servicer = Servicer(recommender_of(filterable_pins(), default_people()), Defaults())
        service = method_handlers(servicer, metrics, threads, threads)
        self._methods = [(name, service.service(Arrival(f"/{SERVICE}/{name}"))) for name in METHODS]
        self._caller = cast(grpc.ServicerContext, Caller())
        self.came_of: Counter[str] = Counter()

    def __call__(self, data: bytes) -> None:
        """Ask; whatever is neither an answer nor a refusal that is due is an error."""
        name, handler = self._methods[data[0] % len(self._methods) if data else 0]
        assert handler is not None
        response = getattr(pb, f"{name}Response")
        try:
            if handler.unary_stream is not None:
                answers = list(handler.unary_stream(data[1:], self._caller))
            else:
                assert handler.unary_unary is not None
                answers = [handler.unary_unary(data[1:], self._caller)]
        except RefusedError as refused:
            if refused.code not in EXPECTED:
                raise AssertionError(f"{name} {data[1:]!r}: {refused.code}") from refused
            self.came_of[refused.code.name] += 1
        else:
            for answer in answers:
                response.FromString(answer)
            self.came_of[WHOLE] += 1


def examples() -> list[bytes]:
    """A request of each method, with every field it has."""
    told = where(
        any_of("topic", "cat", "car"), none_of("topic", "cake"), within("created_at", 0, 5_000), EVEN
    )
    options: dict[str, Any] = {
        "max_candidates": 3,
        "exclude_pin_ids": ["cat-1"],
        "min_score": 0.5,
        "filter": told,
    }
    requests: dict[str, Message] = {
        "Recommend": pb.RecommendRequest(user_id="ann", max_interests=2, seed=1, **options),
        "RecommendForPins": pb.RecommendForPinsRequest(pins=[pb.RecentPin(pin_id="cat-0")], **options),
        "RecommendBatch": pb.RecommendBatchRequest(user_ids=["ann", "ben"], **options),
        "SimilarPins": pb.SimilarPinsRequest(pin_id="cat-0", **options),
        "GetProfile": pb.GetProfileRequest(user_id="ann"),
        "GetPins": pb.GetPinsRequest(pin_ids=["cat-0", "nowhere"]),
        "RecordAction": pb.RecordActionRequest(user_id="ann", pin_id="cat-0", action="save"),
    }
    return [bytes([at]) + requests[name].SerializeToString() for at, name in enumerate(METHODS)]


def main() -> None:
    """Fuzz until atheris ends the process; the tally is written as it goes."""
    configure_logs(level="error")
    tally, target = Path(sys.argv.pop(1)), Target()
    every = 1_000

    def one(data: bytes) -> None:
        target(data)
        if target.came_of.total() % every == 0:
            tally.write_text(json.dumps(target.came_of))

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
