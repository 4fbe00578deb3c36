"""What a group has read of a file, beside that file, and which of its consumers may go on.

EVENTS.groups/GROUP.position   where the group goes on
EVENTS.groups/GROUP.lock       held (flock) by the consumer that reads; the system frees it when that one ends
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from storage.syncing import replace_text


class Group:
    """One consumer's membership in a group.

    Args:
        events: The file of events.
        name: The group's.

    Raises:
        OSError: The folder cannot be written; the other methods raise it, too.
    """

    def __init__(self, events: Path, name: str) -> None:
        folder = events.with_name(f"{events.name}.groups")
        folder.mkdir(parents=True, exist_ok=True)
        self.position = folder / f"{name}.position"
        self._lock = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.is_ours = False

    def take(self) -> bool:
        """Whether this consumer is the one that reads, from now on or already."""
        if not self.is_ours:
            with suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.is_ours = True
        return self.is_ours

    def committed(self) -> str | None:
        """What was committed last, or None."""
        try:
            return self.position.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def commit(self, position: str) -> None:
        """Keep a position; a crash leaves this one or the one before."""
        replace_text(self.position, f"{position}\n")

    def leave(self) -> None:
        """Let another read."""
        os.close(self._lock)
        self.is_ours = False
