"""The generator: requests as bytes, sent by a few threads, each over a connection of its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.flood import OK, Callers, flood
from benchmarks.serving.processes import Target
from server.metrics_catalogue import SERVICE

Ask: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
Stream: TypeAlias = "grpc.UnaryStreamMultiCallable[bytes, bytes]"


_LATEST_S = 30.0  # after the last is due


@dataclass(frozen=True, kw_only=True)
class Block:
    """What some calls took.

    Attributes:
        cpu_us: Server CPU of one, the mean.
        per_second: Calls a second, from the first to the last.
        latencies_us: float64 [n], in the order of the answers.
        answer_bytes: Of one answer, the mean.
    """

    cpu_us: float
    per_second: float
    latencies_us: NDArray[np.float64]
    answer_bytes: float


class Generator:
    """Asks one server.

    Args:
        target: Whom.
        connections: How many, each with a thread that waits for an answer before it asks again.
    """

    def __init__(self, target: Target, connections: int) -> None:
        self._target = target
        self._open = ExitStack()
        self._asks = [self._ask_on_its_own_connection() for _ in range(connections)]

    def closed_loop(self, requests: Sequence[bytes]) -> Block:
        """Send each request once, as fast as answers come."""
        return self._block(_shared(requests), len(requests))

    def _block(self, requests: "Iterator[tuple[int, bytes]]", n: int) -> Block:
        latencies, sizes = np.empty(n), np.empty(n)

        def ask(with_: Ask) -> None:
            for at, request in requests:
                began = time.perf_counter()
                sizes[at] = len(with_(request))
                latencies[at] = time.perf_counter() - began

        began, cpu_us = time.perf_counter(), self._target.cpu_us()
        _in_threads(ask, self._asks)
        took_s = time.perf_counter() - began
        return Block(
            cpu_us=(self._target.cpu_us() - cpu_us) / n,
            per_second=n / took_s,
            latencies_us=latencies * 1e6,
            answer_bytes=float(sizes.mean()),
        )

    def batch(self, request: bytes) -> float:
        """Send a request of RecommendBatch, and read its answer; the server's CPU microseconds of it all."""
        cpu_us = self._target.cpu_us()
        for _ in self._batches(request):
            pass
        return self._target.cpu_us() - cpu_us

    def answers(self, requests: Sequence[bytes]) -> list[bytes]:
        """The answers, in the order of the requests."""
        return [self._asks[0](request) for request in requests]

    def close(self) -> None:
        """Close the connections."""
        self._open.close()

    def _ask_on_its_own_connection(self) -> Ask:
        # Without this option gRPC shares one connection among channels to one address.
        options = (("grpc.use_local_subchannel_pool", 1),)
        channel = grpc.insecure_channel(f"127.0.0.1:{self._target.port}", options=options)
        self._open.callback(channel.close)
        self._batches: Stream = channel.unary_stream(f"/{SERVICE}/RecommendBatch")
        return channel.unary_unary(self._target.method)

    def open_loop(self, requests: Sequence[bytes], per_second: float, seed: int) -> NDArray[np.float64]:
        """float64 [n]: microseconds from the moment a request was due, at random moments, to its answer.

        In the order of the answers. Sent as frames: a client of gRPC in Python waits for itself at some
        thousand calls a second.

        Raises:
            RuntimeError: A call was not answered.
        """
        due_s = np.cumsum(np.random.default_rng(seed).exponential(1 / per_second, len(requests)))
        callers = Callers(connections=len(self._asks))
        lasts_s = float(due_s[-1]) + _LATEST_S
        came = flood(
            self._target.port, self._target.method, requests, due_s, callers=callers, lasts_s=lasts_s
        )
        if came.count(OK) < len(requests):
            raise RuntimeError(f"{len(requests) - came.count(OK)} of {len(requests)} calls were not answered")
        return came.latencies_s * 1e6


def _shared(requests: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each request and its place once, whichever thread takes it: `next` of it is one step for Python."""
    return iter(enumerate(requests))


def _in_threads(work: Callable[[Ask], None], asks: Sequence[Ask]) -> None:
    threads = [threading.Thread(target=work, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
