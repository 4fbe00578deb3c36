"""What a disk refuses, in the stream's own words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import StreamFullError, StreamUnavailableError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def plainly(path: Path, what: str) -> Iterator[None]:
    """Turn an OSError into the stream's errors.

    Args:
        path: The file of events.
        what: "read", "append to" or "keep the position of".

    Raises:
        StreamFullError: The disk is full.
        StreamUnavailableError: Whatever else it was.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise StreamFullError(
                f"cannot {what} the events in {path}: {reason}. Make room; nothing acknowledged is lost."
            ) from error
        raise StreamUnavailableError(
            f"cannot {what} the events in {path}: {error.filename or path}: {reason}. "
            "Check that the folder is there, and who may write to it."
        ) from error
