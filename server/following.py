"""Pins added between builds, in a running server: looked for every second, checked, and served.

Each version of the pins has a side of its own: after a build or a rollback the live one is another's. What
cannot be read or makes no sense is refused, and the last good side goes on being served.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from process.attempts import Attempts, in_words
from server.vouching import RETRY_S
from storage.errors import ArtefactError, StorageError
from storage.pins.beside import version_beside
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.pins.side import Side, has_side, side_versions

POLL_S = 1.0

log = structlog.get_logger("server.following")


@dataclass(frozen=True, slots=True)
class _Refused:
    """A version that was not taken, why, and when that was."""

    version: str
    problem: str
    found_s: float


class SideFollower:
    """Follows the side of one artefact version.

    Args:
        root: The artefact's folder.
        main: The version served.
        serve: Given both as one whenever there are others.
        count_refused: Called when a version is not taken; it is tried again after `RETRY_S`.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        root: Path,
        main: PinView,
        serve: Callable[[PinView], None],
        *,
        count_refused: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root, self._main, self._serve = root, main, serve
        self._count_refused, self._clock = count_refused, clock
        self._looked_at = self._taken = self._warned_of = ""
        self._refused: _Refused | None = None
        self._looks = Attempts(StorageError)

    def poll(self) -> None:
        """Look once; raises nothing."""
        self._looks.make(self._look, self._tell)

    def _look(self) -> None:
        if not has_side(self._root):
            return
        live = side_versions(self._root).current()
        if live == self._looked_at:
            return
        version = version_beside(self._root, self._main.version)
        if version != live:
            self._warn(live, version)
        if version is not None and version != self._taken:
            self._try_to_take(version)
        self._looked_at = live

    def _warn(self, live: str, version: str | None) -> None:
        """As after a build: what is added from then on is served by those on the version it was added to."""
        # What is beside this version may be refused, and is looked at again and again.
        if live != self._warned_of:
            log.warning(
                "added pins stand beside another version", side=live, served=version, pins=self._main.version
            )
        self._warned_of = live

    def _try_to_take(self, version: str) -> None:
        refused = self._refused
        if refused is not None and refused.version == version and self._clock() < refused.found_s + RETRY_S:
            # Not read to its end at every look. It is the same problem still, which is told once.
            raise ArtefactError(refused.problem)
        try:
            self._take(version)
        except Exception as error:
            self._refused = _Refused(version, in_words(error, StorageError), self._clock())
            raise

    def _take(self, version: str) -> None:
        side = Side.open(self._root, version)
        self._serve(JoinedPins(self._main, side))
        log.info("added pins served", side=version, pins=len(side.rows), candidates=side.rows.n_indexed)
        self._taken = version

    def _tell(self, problem: str) -> None:
        self._count_refused()
        log.error("added pins not taken, what was served still is", problem=problem)
