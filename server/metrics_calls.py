"""The metrics of calls, under the names of go-grpc-prometheus: begun, ended, their time, their messages."""

from time import perf_counter
from types import TracebackType

import grpc

from server.metrics import Metrics
from server.metrics_catalogue import METHODS, SERVICE, go_name
from server.metrics_rows import Count, Measure


class Outcome:
    """One call under way, and how it ends: OK until somebody says otherwise.

    Attributes:
        code: Its status.
        messages: How many messages of the answer were sent.
    """

    __slots__ = ("_began", "_metrics", "code", "messages")

    def __init__(self, metrics: "MethodMetrics") -> None:
        self.code = grpc.StatusCode.OK
        self.messages = 0
        self._metrics = metrics

    def __enter__(self) -> "Outcome":
        self._metrics.begin()
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._metrics.end(self, perf_counter() - self._began)


class MethodMetrics:
    """The call metrics of one method.

    Args:
        metrics: Where they are kept.
        method: The method's name.
    """

    def __init__(self, metrics: Metrics, method: str) -> None:
        self.method = method
        rows, labels = metrics.rows, (METHODS[method], SERVICE, method)
        self._started = Count(rows, "grpc_server_started", *labels)
        self._received = Count(rows, "grpc_server_msg_received", *labels)
        self._sent = Count(rows, "grpc_server_msg_sent", *labels)
        self._seconds = Measure(rows, "grpc_server_handling_seconds", *labels)
        self._answered = Count(rows, "grpc_server_handled", *labels, go_name(grpc.StatusCode.OK))
        self._handled = {
            code: Count(rows, "grpc_server_handled", *labels, go_name(code)) for code in grpc.StatusCode
        }

    def call(self) -> Outcome:
        """Count one call, its time and its outcome: a context."""
        return Outcome(self)

    def begin(self) -> None:
        """Count a call that begins."""
        self._started.add()
        # Every method here takes one message.
        self._received.add()

    def end(self, outcome: Outcome, seconds: float) -> None:
        """Count how it ended."""
        self._seconds.observe(seconds)
        # An enum's hash is computed in Python: the usual case does without.
        handled = self._answered if outcome.code is grpc.StatusCode.OK else self._handled[outcome.code]
        handled.add()
        self._sent.add(outcome.messages)
