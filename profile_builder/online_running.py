"""The online process from its start to SIGTERM: sessions, opened again whenever one fails."""

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog

from process.flags import Flag
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


def spare_the_collector() -> None:
    """Have Python's collector leave alone what was imported, and look through the rest more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def run_online(
    open_session: Callable[[], AbstractContextManager[OnlineSession]],
    stop: Flag,
    *,
    count_failure: Callable[[Exception], None],
    retry: RetryPolicy | None = None,
) -> None:
    """Count events until `stop` is set; what fails once it has begun is opened again, for ever.

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
    while not stop.is_set:
        try:
            with open_session() as session:
                has_begun = True
                while not stop.is_set:
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
