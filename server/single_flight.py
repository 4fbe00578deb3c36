"""Single-flight: any number of concurrent misses of one key cost one computation."""

import threading
from collections.abc import Hashable, Iterable, Mapping
from concurrent.futures import Future
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class SingleFlight(Generic[KeyT, ValueT]):
    """Says who computes a key and lets everyone else wait for the same result.

    A leader must `land` or `fail` all the keys it leads before it waits for anyone: then nobody waits in a
    circle. A failure reaches those who wait at that moment and is forgotten: the next caller leads anew.
    """

    def __init__(self) -> None:
        # Nearly nobody is joined: without a future until somebody is.
        self._flights: dict[KeyT, Future[ValueT] | None] = {}
        self._lock = threading.Lock()

    def board(self, keys: Iterable[KeyT]) -> tuple[list[KeyT], dict[KeyT, Future[ValueT]]]:
        """Split keys into those the caller now leads and those it joins."""
        led: list[KeyT] = []
        joined: dict[KeyT, Future[ValueT]] = {}
        with self._lock:
            for key in keys:
                if key not in self._flights:
                    self._flights[key] = None
                    led.append(key)
                    continue
                # A future is true, whatever becomes of it.
                flight = self._flights[key] = self._flights[key] or Future()
                joined[key] = flight
        return led, joined

    def land(self, results: Mapping[KeyT, ValueT]) -> None:
        """Hand the results of the led keys to everyone who joined."""
        for key, flight in self._joined(results):
            flight.set_result(results[key])

    def fail(self, keys: Iterable[KeyT], error: BaseException) -> None:
        """Hand the error to everyone who joined one of the led keys."""
        for _, flight in self._joined(keys):
            flight.set_exception(error)

    def _joined(self, led: Iterable[KeyT]) -> "list[tuple[KeyT, Future[ValueT]]]":
        """End the flights; those that somebody waits for."""
        with self._lock:
            ended = [(key, self._flights.pop(key)) for key in led]
        return [(key, flight) for key, flight in ended if flight is not None]
