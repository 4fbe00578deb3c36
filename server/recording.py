"""Actions that callers report, into the event stream: those that come together are appended together.

One thread appends; callers wait for it, for so long at most. So a slow stream holds its own few callers and
nobody else, and one sync of a disk is shared by all who wait for it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue

import structlog

from process.attempts import Attempts
from server.deadlines import Deadline
from server.errors import RecordingError
from server.side_threads import has_ended
from storage.errors import EventStreamError
from storage.events.records import Event
from storage.events.stream import EventAppender

_LOOK_S = 0.2

log = structlog.get_logger("server.recording")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPolicy:
    """How long, and how much at a time.

    Attributes:
        timeout_s: The longest that a caller waits for the stream.
        waiting: Actions that may wait to be appended.
        together: Actions appended at once.
    """

    timeout_s: float = 2.0
    waiting: int = 1_000
    together: int = 500


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An action, and who waits for it; who gives up before it is appended takes it along."""

    event: Event
    kept: "Future[None]"


class Recorder:
    """Appends actions; safe for any number of threads.

    The stream is opened with the first action, and anew after a failure: a server serves without it.

    Args:
        open_appender: Opens the stream. Its errors are EventStreamErrors.
        policy: The bounds.
    """

    def __init__(
        self, open_appender: Callable[[], EventAppender], policy: RecordingPolicy | None = None
    ) -> None:
        self._open, self._policy = open_appender, policy or RecordingPolicy()
        self._waiting: Queue[_Waiting] = Queue(self._policy.waiting)
        self._appender: EventAppender | None = None
        self._appends = Attempts(EventStreamError)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def record(self, event: Event, deadline: Deadline) -> None:
        """Append the action; when this returns the stream keeps it.

        Raises:
            RecordingError: The stream does not take it, or not in time: it may be appended all the same.
            DeadlineExpiredError: The caller waits no longer.
        """
        waiting = _Waiting(event, Future())
        try:
            self._waiting.put_nowait(waiting)
        except Full as error:
            raise RecordingError("too many actions wait for the event stream") from error
        try:
            waiting.kept.result(self._patience_s(deadline))
        except TimeoutError as error:
            waiting.kept.cancel()
            deadline.check("record")
            raise RecordingError("the event stream does not answer in time") from error

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, by_s: float) -> bool:
        """End, once what waits is appended or refused; says whether it has by `by_s`."""
        self._stopping.set()
        return has_ended(self._thread, by_s)

    def _patience_s(self, deadline: Deadline) -> float:
        remaining_s = deadline.remaining_s()
        return self._policy.timeout_s if remaining_s is None else min(remaining_s, self._policy.timeout_s)

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._waiting.empty()):
            with suppress(Empty):
                self._append(self._together(self._waiting.get(timeout=_LOOK_S)))
        self._close()

    def _together(self, first: _Waiting) -> list[_Waiting]:
        """The first and those behind it, without those whose callers have given up."""
        found = [first]
        with suppress(Empty):
            while len(found) < self._policy.together:
                found.append(self._waiting.get_nowait())
        return [each for each in found if each.kept.set_running_or_notify_cancel()]

    def _append(self, waiting: list[_Waiting]) -> None:
        if not waiting:
            return
        began_s = time.monotonic()

        def tell(problem: str) -> None:
            log.error("actions not recorded", problem=problem, after_s=round(time.monotonic() - began_s, 3))

        if self._appends.make(lambda: self._write([each.event for each in waiting]), tell):
            for each in waiting:
                each.kept.set_result(None)
        else:
            # The next action begins anew.
            self._close()
            for each in waiting:
                each.kept.set_exception(RecordingError("the event stream cannot be written"))

    def _write(self, events: Sequence[Event]) -> None:
        if self._appender is None:
            self._appender = self._open()
        self._appender.append(events)

    def _close(self) -> None:
        appender, self._appender = self._appender, None
        if appender is not None:
            with suppress(EventStreamError, OSError):
                appender.close()
