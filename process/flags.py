"""What the handler of a signal sets, and what the thread that it interrupts may be waiting for."""

import math
import time

# How late a flag is noticed, at worst.
_LOOK_S = 0.1


class Flag:
    """Set once, by a signal's handler.

    Who waits looks again and again. No Event and no queue would do: a signal that comes just before the
    thread sleeps does not wake it, and an Event's lock may be held by the very thread that the signal
    interrupts to set it. Either would keep a process that is told to end for ever.
    """

    def __init__(self) -> None:
        self.is_set = False

    def set(self) -> None:
        """From now on it is."""
        self.is_set = True

    def wait(self, seconds: float = math.inf) -> None:
        """Until it is set, but no longer than so many seconds."""
        until_s = time.monotonic() + seconds
        while not self.is_set and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _LOOK_S))
