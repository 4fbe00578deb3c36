"""How many calls are taken on at a time: those beyond are turned away at once, and told when to come back."""

import threading
from dataclasses import dataclass
from math import inf

# What a call takes is known from about so many, the latest ones.
_CALLS_OF_MEAN = 32
# Of calls that are expected just in time every other one comes too late. With a fifth to spare few do: where
# three times as many calls as can be answered give up after a second, a tenth more get an answer.
_TO_SPARE = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one set of threads takes on.

    Attributes:
        threads: Calls answered at a time.
        queued: Calls that may wait for a thread; 0 for none.
    """

    threads: int
    queued: int

    @property
    def calls(self) -> int:
        """Both together: the most calls in flight."""
        return self.threads + self.queued


class Admission:
    """Counts calls; safe for any number of threads.

    A call is open from its first byte until its answer is sent: from `begin` to `end`. Unary calls are not
    counted so: server.unary knows which are not over. In between a call is in flight, from `enter`, when its
    request is here, to `leave`, when a thread is done with it. Only what is in flight takes a place: neither
    a caller who does not send nor one who does not read can fill the server.

    A call that would come too late takes no place either, judged by the time that the latest calls took.
    Else, with more calls than can be answered, each would wait until it is too late for it, and what was
    already done for it would be for nobody.

    Args:
        bounds: How many may be in flight.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._open = self._in_flight = 0
        self._mean_s = 0.0  # of a thread with a call
        # A lock of its own takes a fifth of what the condition does.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._is_awaited = False

    def begin(self) -> None:
        """A call has come."""
        with self._lock:
            self._open += 1

    def enter(self, remaining_s: float = inf) -> bool:
        """Take the call on; False when there are as many as there may be, or when it would come too late.

        Args:
            remaining_s: Until the call's deadline.
        """
        with self._lock:
            if not self.has_room(remaining_s):
                return False
            self._in_flight += 1
            return True

    def leave(self, took_s: float) -> None:
        """Make room: no thread is at work on the call any more, after so long."""
        with self._lock:
            self._mean_s += (took_s - self._mean_s) / _CALLS_OF_MEAN
            self._in_flight -= 1
            self._tell()

    def end(self) -> None:
        """The call's answer is sent, or nobody waits for it."""
        with self._lock:
            self._open -= 1
            self._tell()

    @property
    def in_flight(self) -> int:
        """Calls taken on that wait for a thread or have one."""
        return self._in_flight

    @property
    def queued(self) -> int:
        """Calls taken on that wait for a thread."""
        return max(0, self._in_flight - self.bounds.threads)

    def has_room(self, remaining_s: float = inf) -> bool:
        """Whether a call of this deadline would be taken on."""
        ahead = self._in_flight
        if ahead >= self.bounds.calls:
            return False
        # A thread is free; or all that are ahead, and the call itself, are done with time to spare.
        threads = self.bounds.threads
        return ahead < threads or _TO_SPARE * (ahead + 1) * self._mean_s <= threads * remaining_s

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait until no call is open and no thread at work; whether that came within the time."""
        with self._changed:
            self._is_awaited = True
            return self._changed.wait_for(lambda: self._open == self._in_flight == 0, timeout_s)

    def _tell(self) -> None:
        if self._is_awaited:
            self._changed.notify_all()
