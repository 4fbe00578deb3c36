"""Changes to the takedown list: one writer at a time, each change whole and durable or not made at all.

Only the lines concerned are touched: comments, order and lines that cannot be read stay as people wrote them.
Each step of a change is a function, whose name is its fault point; see storage.publication.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.errors import TakedownError
from storage.pins.takedown import (
    FILE,
    Block,
    checked_id,
    format_line,
    lines_of,
    parse_line,
    parse_takedown,
    read_file,
)
from storage.syncing import sync

HEADER = b"""\
# Pins that are not shown: neither as candidates nor as the pin that an interest is named by.
# One id a line, with all its near-duplicates, or `ID only` for the pin alone; after a # whatever you like.
# Running servers follow within 5 s. There are commands, too: python -m index_builder block, unblock, blocked.
"""

_LOCK, _NEXT = ".blocked.lock", ".blocked.next"
_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the pins that a command named.

    Attributes:
        done: Those it changed something about.
        already: Those that were as asked before.
    """

    done: tuple[str, ...]
    already: tuple[str, ...]


def block(root: Path, blocks: Sequence[Block]) -> Change:
    """Add pins to the list. One blocked alone before is widened to its group, never the other way round.

    Raises:
        ValueError: One of the ids cannot be a pin's; nothing was changed.
        TakedownError: The list cannot be read or written; it is as it was.
    """
    wanted = {checked_id(each.pin_id): each for each in blocks}
    with _editing(root) as lines:
        present = {each.pin_id: each for each in parse_takedown(b"\n".join(lines)).blocks}
        done = [each for pin_id, each in wanted.items() if not _is_covered(each, present.get(pin_id))]
        _drop(lines, {each.pin_id for each in done})
        lines[-1:-1] = [format_line(each).rstrip(b"\n") for each in done]
    return _change(wanted, [each.pin_id for each in done])


def unblock(root: Path, pin_ids: Sequence[str]) -> Change:
    """Take pins off the list.

    Raises:
        TakedownError: The list cannot be read or written; it is as it was.
    """
    wanted = dict.fromkeys(pin_ids)
    with _editing(root) as lines:
        present = {each.pin_id for each in parse_takedown(b"\n".join(lines)).blocks}
        _drop(lines, wanted.keys() & present)
    return _change(wanted, [pin_id for pin_id in wanted if pin_id in present])


def _is_covered(wanted: Block, present: Block | None) -> bool:
    return present is not None and (wanted.only or not present.only)


def _change(wanted: dict[str, Block] | dict[str, None], done: list[str]) -> Change:
    return Change(tuple(done), tuple(pin_id for pin_id in wanted if pin_id not in done))


def _drop(lines: list[bytes], pin_ids: set[str]) -> None:
    lines[:] = [line for line in lines if _pin_id_of(line) not in pin_ids]


def _pin_id_of(line: bytes) -> str | None:
    try:
        block = parse_line(line)
    except ValueError:
        return None
    return None if block is None else block.pin_id


@contextmanager
def _editing(root: Path) -> Iterator[list[bytes]]:
    """The list's lines, the last of them empty; they are written at the end, if they are others by then."""
    path = root / FILE
    changed = None
    try:
        with _only_writer(root):
            lines = lines_of(_content(path) or HEADER)
            if lines[-1]:
                lines.append(b"")
            before = list(lines)
            yield lines
            if lines != before:
                changed = b"\n".join(lines)
                _write_draft(root, changed)
                _show_draft(root)
            # Also where it is as it was: whoever changed it may have died before this.
            _make_durable(root)
    except OSError as error:
        cannot, state = "be changed", "It is as it was."
        if changed is not None and _says(path, changed):
            cannot, state = "be made durable", "It is changed, but a crash may undo that: repeat the command."
        raise TakedownError(f"{path} cannot {cannot}: {error.strerror or error}. {state}") from error


@contextmanager
def _only_writer(root: Path) -> Iterator[None]:
    # Not the publishers' lock: a takedown does not wait for a build.
    with (root / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _content(path: Path) -> bytes:
    try:
        return read_file(path)
    except FileNotFoundError:
        return b""


def _says(path: Path, content: bytes) -> bool:
    """Whether the list is this one, as far as anybody can tell."""
    try:
        return _content(path) == content
    except TakedownError:
        return False


def _write_draft(root: Path, content: bytes) -> None:
    with (root / _NEXT).open("wb") as file:
        file.write(content)
        # Whatever the umask: the server is seldom run by whoever blocks.
        os.fchmod(file.fileno(), _MODE)
        file.flush()
        os.fsync(file.fileno())


def _show_draft(root: Path) -> None:
    """In one step, once it is on the disk."""
    (root / _NEXT).replace(root / FILE)


def _make_durable(root: Path) -> None:
    sync(root)
