"""The folder where the processes of one server count: removed at its end, else by the next server."""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp
from typing import IO

import structlog

PREFIX = "pinnersage-metrics-"
# Held (flock) as long as the server's first process lives, whatever becomes of its number later.
HELD = "held"
# A draft is held and named within a moment; one that is older is nobody's.
_DRAFT_S = 3_600.0

log = structlog.get_logger("server.metrics_folder")


@contextmanager
def counting_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make one, for as long as the block lasts; those that dead servers of this user left are removed.

    Args:
        parent: The folder that it is made in; default that for temporary files.

    Raises:
        OSError: It cannot be made.
    """
    parent = Path(gettempdir()) if parent is None else parent
    _sweep(parent)
    # Under another name until it is held: another server that starts now would take it for a dead one's.
    draft = Path(mkdtemp(prefix=f".{PREFIX}", dir=parent))
    folder = draft.with_name(draft.name.removeprefix("."))
    with (draft / HELD).open("w") as held:
        if not _hold(held):
            (draft / HELD).unlink()
        draft.rename(folder)
        try:
            yield folder
        finally:
            rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    _remove(parent.glob(f"{PREFIX}*"), _is_left)
    _remove(parent.glob(f".{PREFIX}*"), _is_left_draft)


def _remove(folders: Iterable[Path], is_left: Callable[[Path], bool]) -> None:
    for folder in folders:
        # What cannot be removed harms nobody.
        with suppress(OSError):
            if _is_ours(folder) and is_left(folder):
                rmtree(folder)
                log.info("removed what a server that was killed had counted", folder=str(folder))


def _is_ours(folder: Path) -> bool:
    """Anybody may make such a name where all have their temporary files."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _is_left(folder: Path) -> bool:
    """Whether somebody held it who is gone; where nobody ever did, nobody knows."""
    try:
        with (folder / HELD).open("r+") as held:
            return _hold(held)
    except FileNotFoundError:
        return False


def _is_left_draft(draft: Path) -> bool:
    """Whether it is too old to be held in the next moment, and is not held."""
    if time.time() < draft.lstat().st_mtime + _DRAFT_S:
        return False
    return _is_left(draft) or not (draft / HELD).exists()


def _hold(held: IO[str]) -> bool:
    """Until the file is closed; False where another process does, or the system has no such locks."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
