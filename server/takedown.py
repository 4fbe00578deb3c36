"""The takedown list in a running server: looked at every second, and kept as rows of the artefact served.

Lists are cached unfiltered; what is blocked is dropped when they are merged, and no interest is named by it.
A list that cannot be read never lifts a block: the last good one stays in force, and that is counted.
"""

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from model.exclusion import representative_rows
from process.attempts import Attempts
from storage.errors import TakedownError
from storage.pins.port import NO_ROW, PinView
from storage.pins.takedown import FILE, NOTHING_BLOCKED, TakedownList, pin_ids_of, read_takedown

POLL_S = 1.0
_TOLD_LINES = 10

log = structlog.get_logger("server.takedown")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockedRows:
    """Which rows of one artefact are not shown; immutable.

    Attributes:
        mask: bool [n_pins], or None when none is: then nothing costs anything.
        listed: Pins on the list.
        unknown: Those of them that the artefact does not hold.
    """

    mask: NDArray[np.bool_] | None = None
    listed: int = 0
    unknown: int = 0

    def among(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some rows are blocked: bool [n]; NO_ROW is not."""
        if self.mask is None:
            return np.zeros(len(rows), np.bool_)
        found: NDArray[np.bool_] = (rows != NO_ROW) & self.mask[rows]
        return found

    def without(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 [n]: the rows with NO_ROW in place of every blocked one."""
        return rows if self.mask is None else np.where(self.mask[rows], NO_ROW, rows)


NO_ROWS_BLOCKED = BlockedRows()


def no_rows_blocked() -> BlockedRows:
    """Where there is no takedown list."""
    return NO_ROWS_BLOCKED


def blocked_rows(takedown: TakedownList, pins: PinView) -> BlockedRows:
    """The list in terms of one artefact: pins blocked alone, and whole groups of near-duplicates.

    A pin that no other one stands for is a group of its own.
    """
    alone = pins.rows(pin_ids_of(takedown.blocks, only=True))
    in_groups = pins.rows(pin_ids_of(takedown.blocks, only=False))
    unknown = np.count_nonzero(alone == NO_ROW) + np.count_nonzero(in_groups == NO_ROW)
    listed = len(takedown.blocks)
    if unknown == listed:
        return BlockedRows(listed=listed, unknown=int(unknown))
    # One place more than there are rows: NO_ROW finds it from the end.
    is_blocked_group = np.zeros(pins.n_pins + 1, np.bool_)
    is_blocked_group[representative_rows(in_groups, pins.representatives)] = True
    mask = is_blocked_group[pins.representatives]
    themselves = np.concatenate([alone, in_groups])
    mask[themselves[themselves != NO_ROW]] = True
    mask.flags.writeable = False
    return BlockedRows(mask=mask, listed=listed, unknown=int(unknown))


class Takedown:
    """What is blocked at this moment, for any number of threads: each call takes `blocked` once.

    Attributes:
        blocked: The rows of the artefact served.
        in_force: What the list says.
        bad_lines: How many of its lines cannot be read.

    Args:
        root: The artefact's folder, which the list lies in.
        pins: The artefact served.
        count_error: Called when a look fails.
        clock: Seconds that only grow.

    Raises:
        TakedownError: The list is there and cannot be read: a server that starts cannot know what to hide.
    """

    def __init__(
        self,
        root: Path,
        pins: PinView,
        *,
        count_error: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root, self._pins = root, pins
        self._count_error, self._clock = count_error, clock
        self._read: _Stamp | None = None
        self._seen: _Stamp | None = None
        self._looks = Attempts(TakedownError)
        self.bad_lines = 0
        self._checked_s = clock()
        self.blocked = NO_ROWS_BLOCKED
        self.in_force = NOTHING_BLOCKED
        self._take(read_takedown(root))

    def follow(self, pins: PinView) -> None:
        """This artefact is served from now on."""
        if pins is not self._pins:
            self._pins = pins
            self.blocked = blocked_rows(self.in_force, pins)

    def poll(self) -> None:
        """Look at the file, and take what it says once it has stood unchanged from one look to the next.

        A change is so never met half written, and one of the same size within a tick of the clock is seen.
        """
        if self._looks.make(self._look, self._tell):
            self._checked_s = self._clock()
        else:
            self._count_error()

    @property
    def age_s(self) -> float:
        """Seconds since the list was last known to be the one in force."""
        return self._clock() - self._checked_s

    def _look(self) -> None:
        stamp = _stamp(self._root / FILE)
        if stamp == self._read:
            return
        if stamp == self._seen:
            self._take(self._trusted(read_takedown(self._root)))
            self._read = stamp
        self._seen = stamp

    def _trusted(self, takedown: TakedownList) -> TakedownList:
        """The list, unless it is one that nobody means: gone, emptied, or unreadable from first to last."""
        if takedown.blocks or not self.blocked.listed:
            return takedown
        path = self._root / FILE
        if takedown.bad_lines:
            raise TakedownError(
                f"{path}: no line can be read, the first because {takedown.bad_lines[0].problem}"
            )
        if not path.exists():
            raise TakedownError(f"{path} has vanished. To lift all blocks, leave a comment in it.")
        if not path.stat().st_size:
            raise TakedownError(f"{path} is empty. To lift all blocks, leave a comment in it.")
        return takedown

    def _take(self, takedown: TakedownList) -> None:
        if takedown == self.in_force:
            return
        rows = blocked_rows(takedown, self._pins)
        self.in_force = takedown
        self.bad_lines = len(takedown.bad_lines)
        # Last: the gauges show what is in force.
        self.blocked = rows
        log.info(
            "takedown list read",
            listed=rows.listed,
            unknown_to_build=rows.unknown,
            bad_lines=self.bad_lines,
        )
        for line in takedown.bad_lines[:_TOLD_LINES]:
            log.warning("takedown line skipped", line=line.number, problem=line.problem)

    @staticmethod
    def _tell(problem: str) -> None:
        log.error("takedown list not taken, the last one stays in force", problem=problem)


class BlockedOver:
    """What is blocked at this moment, by the rows of one view of pins; for any number of threads.

    A call under way keeps its view, and asks what is blocked of that.

    Args:
        takedown: The list.
        pins: The view.
    """

    def __init__(self, takedown: Takedown, pins: PinView) -> None:
        self._takedown, self._pins = takedown, pins
        self._known = (NOTHING_BLOCKED, NO_ROWS_BLOCKED)

    def __call__(self) -> BlockedRows:
        """Found anew when the list is another than last time."""
        listed, (known, rows) = self._takedown.in_force, self._known
        if listed is not known:
            rows = blocked_rows(listed, self._pins)
            self._known = (listed, rows)
        return rows


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells one state of the file from another; all zero where there is none."""

    inode: int = 0
    n_bytes: int = 0
    modified_ns: int = 0
    changed_ns: int = 0


def _stamp(path: Path) -> _Stamp:
    """Opened, not only looked at: network file systems look again at what is opened."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _Stamp()
    except OSError as error:
        raise TakedownError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        status = os.fstat(file)
    finally:
        os.close(file)
    if not stat.S_ISREG(status.st_mode):
        raise TakedownError(f"{path} cannot be read: it is not a file.")
    return _Stamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
