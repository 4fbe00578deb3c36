"""A generator for more load than a server can answer: one thread, a few connections, calls as frames.

Calls fall due at given moments, whether answers come or not. A caller who respects the server's limit of
calls on a connection keeps what is due beyond it; one who knows no limit sends everything at once.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from math import inf

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving import frames
from benchmarks.serving.frames import Frame, Kind

# Statuses of gRPC; a stream that the server resets is a call cancelled.
OK, RESET, GIVEN_UP, TURNED_AWAY = 0, 1, 4, 8
_READ_BYTES = 1 << 18
_GIVE_UP_S = 30.0
_STUCK_S = 0.01  # until a socket has room, or a call gives up


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who asks.

    Attributes:
        connections: How many.
        streams: Calls at a time on each that they keep to; None for as many as the server allows.
        at_most: Calls at a time of all of them together, each followed by the next: a closed loop.
        patience_s: Each call's deadline, from the moment it is due; a call is not sent after it.
    """

    connections: int
    streams: int | None = None
    at_most: float = inf
    patience_s: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """What became of the calls that were sent.

    Attributes:
        statuses: int64 [n], of gRPC, in the order of their ends.
        ended_s: float64 [n], seconds since the first was due.
        latencies_s: float64 [n], since the call was due.
        lasted_s: How long calls were sent; less than asked for where no more were left.
        most: The most calls that were under way at a time.
    """

    statuses: NDArray[np.int64]
    ended_s: NDArray[np.float64]
    latencies_s: NDArray[np.float64]
    lasted_s: float
    most: int

    def per_second(self) -> float:
        """Answers a second, while calls were sent."""
        return self.count(OK, within_s=self.lasted_s) / self.lasted_s

    def count(self, status: int, *, within_s: float = inf) -> int:
        """Calls that ended so, and by when."""
        return int(np.count_nonzero((self.statuses == status) & (self.ended_s <= within_s)))


def flood(
    port: int,
    method: str,
    requests: Sequence[bytes],
    due_s: NDArray[np.float64],
    *,
    callers: Callers,
    lasts_s: float,
) -> Flood:
    """Ask for `lasts_s` seconds, then wait for the answers to what was sent; what was not sent is left.

    Args:
        port: Of a server on this machine.
        method: As gRPC spells it.
        requests: Serialised; taken in turns, from the first again after the last.
        due_s: Ascending: when each call is due, seconds from the beginning.
        callers: Who asks.
        lasts_s: No call is sent later.

    Raises:
        RuntimeError: The server left, or did not answer in time.
    """
    loop = _Loop(port, frames.request_headers(method), callers)
    with closing(loop):
        return loop.run(list(islice(cycle(requests), len(due_s))), due_s, lasts_s)


@dataclass(slots=True, eq=False)
class _Connection:
    """One connection, and its calls under way."""

    socket: socket.socket
    streams: float
    window: int = frames.WINDOW
    next_stream: int = 1
    unsent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    due_s: dict[int, float] = field(default_factory=dict)

    def has_room(self, n_bytes: int) -> bool:
        """Whether a call of so many bytes may be sent."""
        return len(self.due_s) < self.streams and n_bytes <= self.window

    def call(self, headers: bytes, message: bytes, due_s: float) -> None:
        """Send a call, as far as the socket takes it."""
        self.unsent += frames.call(self.next_stream, headers, message)
        self.due_s[self.next_stream] = due_s
        self.next_stream += 2
        self.window -= len(message) + 5

    def send(self) -> None:
        while self.unsent:
            try:
                n = self.socket.send(self.unsent)
            except BlockingIOError:
                return
            del self.unsent[:n]

    def take(self, frame: Frame) -> int | None:
        """Act on a frame; the status of the call that it ends, if it ends one."""
        if frame.kind in {Kind.SETTINGS, Kind.PING} and not frame.is_ack:
            if frame.kind == Kind.SETTINGS:
                self.streams = min(self.streams, frames.setting(frame, frames.MAX_CONCURRENT_STREAMS) or inf)
            self.unsent += frames.acknowledged(frame)
        elif frame.kind == Kind.WINDOW_UPDATE and not frame.stream:
            self.window += frames.widened_by(frame)
        elif frame.kind == Kind.GOAWAY:
            raise RuntimeError("the server asked its caller to leave: let its connections grow older")
        elif frame.kind == Kind.RST_STREAM and frame.stream in self.due_s:
            return RESET
        elif frame.ends_stream:
            return frames.grpc_status(frame.payload)
        return None


class _Loop:
    """Sends what is due and takes what comes, over a few connections."""

    def __init__(self, port: int, headers: bytes, callers: Callers) -> None:
        self._headers, self._at_most, self._patience_s = headers, callers.at_most, callers.patience_s
        self._selector = selectors.DefaultSelector()
        self._connections = deque(
            self._connect(port, callers.streams or inf) for _ in range(callers.connections)
        )
        self._ended: list[tuple[int, float, float]] = []
        self._under_way = self._most = 0

    def run(self, requests: Sequence[bytes], due_s: NDArray[np.float64], lasts_s: float) -> Flood:
        due = deque(zip(due_s.tolist(), requests, strict=True))
        began = time.perf_counter()
        while (now := time.perf_counter() - began) < lasts_s:
            self._send_due(due, now)
            if not due and not self._under_way:
                break
            next_s = due[0][0] if due else inf
            self._wait(began, min(next_s, lasts_s) - now if next_s > now else _STUCK_S)
        lasted_s = min(now, lasts_s)
        while self._under_way:
            if time.perf_counter() - began > lasts_s + _GIVE_UP_S:
                raise RuntimeError(f"{self._under_way} calls have no answer after {_GIVE_UP_S:.0f} s")
            self._wait(began, 0.1)
        statuses, ended_s, latencies_s = np.array(self._ended).reshape(-1, 3).T
        return Flood(
            statuses=statuses.astype(np.int64),
            ended_s=ended_s,
            latencies_s=latencies_s,
            lasted_s=lasted_s,
            most=self._most,
        )

    def close(self) -> None:
        """Leave."""
        for each in self._connections:
            each.socket.close()
        self._selector.close()

    def _connect(self, port: int, streams: float) -> _Connection:
        """A connection whose server has said how many calls it takes at a time."""
        link = socket.create_connection(("127.0.0.1", port), timeout=_GIVE_UP_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(frames.opening())
        connection = _Connection(link, streams)
        while not self._heard_settings(connection):
            pass
        link.setblocking(False)
        self._selector.register(link, selectors.EVENT_READ, connection)
        return connection

    def _heard_settings(self, connection: _Connection) -> bool:
        connection.received += _read(connection.socket)
        taken = list(frames.frames(connection.received))
        for frame in taken:
            connection.take(frame)
        return any(frame.kind == Kind.SETTINGS and not frame.is_ack for frame in taken)

    def _send_due(self, due: deque[tuple[float, bytes]], now: float) -> None:
        tried = 0
        while due and due[0][0] <= now and self._under_way < self._at_most and tried < len(self._connections):
            connection = self._connections[0]
            self._connections.rotate(-1)
            due_s, request = due[0]
            if now >= due_s + self._patience_s:
                self._ended.append((GIVEN_UP, now, now - due_s))
                due.popleft()
                continue
            if not connection.has_room(len(request) + 5):
                tried += 1
                continue
            due.popleft()
            connection.call(self._headers + frames.timeout(due_s + self._patience_s - now), request, due_s)
            self._under_way += 1
            self._most = max(self._most, self._under_way)
            tried = 0
        for each in self._connections:
            each.send()

    def _wait(self, began: float, seconds: float) -> None:
        """Take what comes, for so long at most."""
        for key, _ in self._selector.select(seconds):
            connection: _Connection = key.data
            connection.received += _read(connection.socket)
            now = time.perf_counter() - began
            for frame in frames.frames(connection.received):
                status = connection.take(frame)
                if status is not None:
                    latency_s = now - connection.due_s.pop(frame.stream)
                    # An answer that comes too late has nobody who waits for it.
                    came = status if latency_s <= self._patience_s else GIVEN_UP
                    self._ended.append((came, now, latency_s))
                    self._under_way -= 1
            connection.send()


def _read(link: socket.socket) -> bytes:
    received = link.recv(_READ_BYTES)
    if not received:
        raise RuntimeError("the server closed a connection under load")
    return received
