"""The online process from its start to SIGTERM: sessions, opened again whenever one fails."""

import gc
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog

from profile_builder.errors import ArchiveError
from profile_builder.online import OnlineSession
from storage.errors import StorageError

# A stop is heard after so long.
_WAIT_S = 0.2
# A commit makes a hundred thousand small objects and lets all of them go together: by the default of 700 the
# collector looked through them again and again, a fifth of all time.
_COLLECT_AFTER = (50_000, 20, 100)

log = structlog.get_logger("profile_builder.online")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long after a failure all is opened again.

    Attributes:
        first_s: The first time; then twice as long each time.
        longest_s: But no longer.
    """

    first_s: float = 0.25
    longest_s: float = 5.0


class Stop:
    """Whether to end; set by a signal's handler.

    Who waits for it looks again and again: an Event's lock may be held by the very thread that the signal
    interrupts to set it.
    """

    def __init__(self) -> None:
        self.is_told = False

    def tell(self) -> None:
        """End."""
        self.is_told = True

    def wait(self, seconds: float) -> None:
        """So long, unless it is to end."""
        until_s = time.monotonic() + seconds
        while not self.is_told and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _WAIT_S))


def spare_the_collector() -> None:
    """Have Python's collector leave alone what was imported, and look through the rest more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def run_online(
    open_session: Callable[[], AbstractContextManager[OnlineSession]],
    stop: Stop,
    *,
    count_failure: Callable[[Exception], None],
    retry: RetryPolicy | None = None,
) -> None:
    """Count events until `stop` is told; what fails once it has begun is opened again, for ever.

    Args:
        open_session: Opens stream, store and archive.
        stop: Ends it, cleanly.
        count_failure: Told of what failed.
        retry: When it is tried again.

    Raises:
        StorageError, ArchiveError: It could not even begin.
    """
    retry = retry or RetryPolicy()
    has_begun, wait_s = False, retry.first_s
    while not stop.is_told:
        try:
            with open_session() as session:
                has_begun = True
                while not stop.is_told:
                    session.step(_WAIT_S)
                    wait_s = retry.first_s
                session.finish()
        except (StorageError, ArchiveError) as error:
            if not has_begun:
                raise
            count_failure(error)
            log.error("all is opened again", problem=str(error), kind=type(error).__name__, after_s=wait_s)
            stop.wait(wait_s)
            wait_s = min(2 * wait_s, retry.longest_s)
