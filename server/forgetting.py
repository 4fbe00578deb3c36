"""Users who asked to be forgotten, followed while the server runs: no worker may bring them back from memory.

Who is asked about is read again within half a second. But a store that falls silent is bridged with what is
kept, for an hour, and that must not be somebody whom it has said to forget.
"""

import time
from collections.abc import Callable

import structlog

from process.attempts import Attempts
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from storage.errors import StorageError

POLL_S = 1.0

log = structlog.get_logger("server.forgetting")


class Forgetting:
    """Drops from a cache whom the store says to forget.

    Args:
        users: The cache.
        source: What reads the store now.
        clock: The cache's.
    """

    def __init__(
        self,
        users: ProfileCache,
        source: Callable[[], ProfileSource],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users, self._source, self._clock = users, source, clock
        self._heard_of: int | None = None
        self._looks = Attempts(StorageError)

    def poll(self) -> None:
        """Look once; raises nothing."""
        self._looks.make(self._look, self._tell)

    def _look(self) -> None:
        source = self._source()
        newest = source.newest_tombstone()
        if self._heard_of is None or newest < self._heard_of:
            # The first look, or at a store of before: nobody knows what was missed.
            self._users.clear()
        elif newest > self._heard_of:
            told = source.tombstones(self._heard_of)
            self._users.forget({each.user_id for each in told}, self._clock())
            log.info("users forgotten", users=len(told))
        self._heard_of = newest

    @staticmethod
    def _tell(problem: str) -> None:
        log.error("not heard who asked to be forgotten, kept profiles may be theirs", problem=problem)
