"""Single-flight: any number of concurrent misses of one key cost one computation."""

import threading
from collections.abc import Hashable, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class SingleFlight(Generic[KeyT, ValueT]):
    """Says who computes a key and lets everyone else wait for the same result.

    A leader must `land` or `fail` every key it leads before it waits for anyone: then nobody waits in a
    circle. A failure reaches those who wait at that moment and is forgotten: the next caller leads anew.
    """

    def __init__(self) -> None:
        self._flights: dict[KeyT, Future[ValueT]] = {}
        self._lock = threading.Lock()

    def board(self, keys: Iterable[KeyT]) -> tuple[list[KeyT], dict[KeyT, Future[ValueT]]]:
        """Split keys into those the caller now leads and those it joins."""
        led: list[KeyT] = []
        joined: dict[KeyT, Future[ValueT]] = {}
        with self._lock:
            for key in keys:
                flight = self._flights.get(key)
                if flight is None:
                    self._flights[key] = Future()
                    led.append(key)
                else:
                    joined[key] = flight
        return led, joined

    def land(self, key: KeyT, value: ValueT) -> None:
        """Hand the result of a led key to everyone who joined."""
        self._end(key).set_result(value)

    def fail(self, keys: Iterable[KeyT], error: BaseException) -> None:
        """Hand the error to everyone who joined one of the led keys that has not landed."""
        for key in keys:
            if key in self._flights:
                self._end(key).set_exception(error)

    def _end(self, key: KeyT) -> "Future[ValueT]":
        with self._lock:
            return self._flights.pop(key)
