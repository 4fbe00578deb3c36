"""Pins added between builds, in a running server: looked for every second, checked, and served.

What cannot be read or makes no sense is refused, and the last good side goes on being served.
"""

from collections.abc import Callable
from pathlib import Path

import structlog

from storage.errors import StorageError
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.pins.side import Side, has_side, side_versions

POLL_S = 1.0

log = structlog.get_logger("server.following")


class SideFollower:
    """Follows the side of one artefact version.

    Args:
        root: The artefact's folder.
        main: The version served.
        serve: Given both as one whenever there are others.
    """

    def __init__(self, root: Path, main: PinView, serve: Callable[[PinView], None]) -> None:
        self._root, self._main, self._serve = root, main, serve
        self._taken = ""
        self._problem = ""

    def poll(self) -> None:
        """Look once; raises nothing."""
        try:
            self._look()
        except StorageError as error:
            self._fail(str(error))
        except Exception as error:
            # Whatever it is, the next look must come.
            self._fail(f"{type(error).__name__}: {error}")
        else:
            self._problem = ""

    def _look(self) -> None:
        if not has_side(self._root):
            return
        version = side_versions(self._root).current()
        if version == self._taken:
            return
        side = Side.open(self._root, version)
        if side.rows.beside.version != self._main.version:
            # As after a build: that version's pins are served once a server is started on it.
            log.info("added pins stand beside another version", side=version, beside=side.rows.beside.version)
        else:
            self._serve(JoinedPins(self._main, side))
            log.info("added pins served", side=version, pins=len(side.rows), candidates=side.rows.n_indexed)
        self._taken = version

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            log.error("added pins not taken, what was served still is", problem=problem)
