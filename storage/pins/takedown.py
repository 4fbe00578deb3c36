"""The takedown list: pins that are not shown, whatever is published; one text file beside the versions.

    # Pins that are not shown. One id a line ...
    85123A
    85124B only                  # the pin alone, not its near-duplicates
    "an id with spaces"  # asked for by ann on 3 May, case 17

It belongs to people as much as to programs: a line that cannot be read is named, and takes no other with it.
"""

import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from storage.errors import TakedownError

FILE = "blocked.txt"
MAX_ID_BYTES = 128
MAX_BYTES = 64 * 1024 * 1024
"""A longer file is no list that anybody wrote: half a million ids fit."""

_BARE_ID = re.compile(r'[^\s"#\ufeff]\S*')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINE = re.compile(r'(?P<id>"(?:[^"\\]|\\.)*"|[^\s"#]\S*)(?P<only>\s+only)?(?:\s+#(?P<note>.*))?')
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """One pin that is not shown.

    Attributes:
        pin_id: The pin.
        only: It alone; otherwise all its near-duplicates with it: the whole group that one pin stands for.
        note: Who asked for it, when, why: whatever the line says.
    """

    pin_id: str
    only: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that says nothing: its number, from 1, and why."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class TakedownList:
    """What the file says.

    Attributes:
        blocks: Each pin once, in the order of the file; of two lines for one pin the wider counts.
        bad_lines: Those that cannot be read.
    """

    blocks: tuple[Block, ...] = ()
    bad_lines: tuple[BadLine, ...] = ()


NOTHING_BLOCKED = TakedownList()


class _LineError(ValueError):
    """Why a line cannot be read."""


def read_takedown(root: Path) -> TakedownList:
    """The list of the artefact under `root`; without a file nothing is blocked.

    Raises:
        TakedownError: The file is there and cannot be read.
    """
    try:
        return parse_takedown(read_file(root / FILE))
    except FileNotFoundError:
        return NOTHING_BLOCKED


def read_file(path: Path) -> bytes:
    """The bytes of the file.

    Raises:
        FileNotFoundError: There is none.
        TakedownError: It cannot be read, or is no file that anybody wrote by hand or command.
    """
    try:
        # Without waiting: somebody may have put a pipe there.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TakedownError(f"{path} cannot be read: it is not a file.")
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TakedownError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(raw) > MAX_BYTES:
        raise TakedownError(f"{path} cannot be read: it is larger than {MAX_BYTES:,} bytes.")
    return raw


def parse_takedown(raw: bytes) -> TakedownList:
    """Read the file's content, line by line."""
    blocks: dict[str, Block] = {}
    bad_lines = []
    for number, line in enumerate(lines_of(raw), 1):
        try:
            block = parse_line(line)
        except ValueError as error:
            bad_lines.append(BadLine(number, str(error)))
            continue
        if block and (block.pin_id not in blocks or blocks[block.pin_id].only):
            blocks[block.pin_id] = block
    return TakedownList(tuple(blocks.values()), tuple(bad_lines))


def lines_of(raw: bytes) -> list[bytes]:
    """The lines, without their ends and without the mark that some editors put in front."""
    return raw.removeprefix(_BYTE_ORDER_MARK).split(b"\n")


def parse_line(line: bytes) -> Block | None:
    """What a line blocks; None for a blank one and a comment.

    Raises:
        ValueError: It cannot be read; the message says why.
    """
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        raise _LineError("it is not UTF-8") from error
    if not text or text.startswith("#"):
        return None
    parts = _LINE.fullmatch(text)
    if parts is None:
        raise _LineError(
            "after the id comes nothing, `only`, or a comment that begins with #; "
            "an id with spaces stands in double quotes"
        )
    note = (parts["note"] or "").strip()
    return Block(checked_id(_unquoted(parts["id"])), only=parts["only"] is not None, note=note)


def format_line(block: Block) -> bytes:
    """The line that says so, with its end."""
    pin_id = block.pin_id
    is_bare = _BARE_ID.fullmatch(pin_id) and not _CONTROL.search(pin_id)
    shown = pin_id if is_bare else json.dumps(pin_id, ensure_ascii=not pin_id.isprintable())
    only = " only" if block.only else ""
    # A note of several lines would be a line of its own.
    words = " ".join("".join(char if char.isprintable() else " " for char in block.note).split())
    return f"{shown}{only}{f'  # {words}' if words else ''}\n".encode()


def checked_id(pin_id: str) -> str:
    """The id, if a pin can have it.

    Raises:
        ValueError: It is empty, too long, or not UTF-8.
    """
    try:
        n_bytes = len(pin_id.encode())
    except UnicodeEncodeError as error:
        raise _LineError("the id is not UTF-8") from error
    if not 0 < n_bytes <= MAX_ID_BYTES:
        raise _LineError(f"the id has {n_bytes} bytes; ids have 1 to {MAX_ID_BYTES}")
    return pin_id


def pin_ids_of(blocks: Iterable[Block], *, only: bool) -> list[str]:
    """The pins blocked alone, or those blocked with their near-duplicates."""
    return [block.pin_id for block in blocks if block.only == only]


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        if _CONTROL.search(text):
            raise _LineError("the id holds a control character")
        return text
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise _LineError("the id in double quotes is not written as JSON writes texts") from error
