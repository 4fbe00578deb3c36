"""The metrics of calls, under the names of go-grpc-prometheus: begun, ended, their time, their messages."""

from time import perf_counter

import grpc

from server.metrics import Metrics
from server.metrics_catalogue import METHODS, SERVICE, go_name


class MethodMetrics:
    """The call metrics of one method.

    Args:
        metrics: Where they are kept.
        method: The method's name.
    """

    def __init__(self, metrics: Metrics, method: str) -> None:
        self.method = method
        rows, labels = metrics.rows, (METHODS[method], SERVICE, method)
        self._started = rows.count("grpc_server_started", *labels)
        self._received = rows.count("grpc_server_msg_received", *labels)
        self._sent = rows.count("grpc_server_msg_sent", *labels)
        self._seconds = rows.measure("grpc_server_handling_seconds", *labels)
        self._handled = {
            code: rows.count("grpc_server_handled", *labels, go_name(code)) for code in grpc.StatusCode
        }
        self._answered = self._handled[grpc.StatusCode.OK]

    def begin(self, arrived_s: float | None = None) -> float:
        """Count a call that begins, and say when it came: `end` asks for it.

        Args:
            arrived_s: When that was, by time.perf_counter; default now.
        """
        self._started.add()
        # Every method here takes one message.
        self._received.add()
        return perf_counter() if arrived_s is None else arrived_s

    def end(self, began_s: float, code: grpc.StatusCode, messages: int) -> None:
        """Count how it ended.

        Args:
            began_s: What `begin` said.
            code: Its status.
            messages: How many messages of the answer were sent.
        """
        self._seconds.observe(perf_counter() - began_s)
        # An enum's hash is computed in Python: the usual case does without.
        handled = self._answered if code is grpc.StatusCode.OK else self._handled[code]
        handled.add()
        self._sent.add(messages)
