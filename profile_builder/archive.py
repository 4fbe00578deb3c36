"""The archive: every accepted event once, as the parquet files that the next batch reads.

ARCHIVE/date=2026-11-22/000012-9f8a12cd.parquet   rows of that day (UTC), of one turn of this archive
ARCHIVE/_forgotten.jsonl                          whose rows, up to when, are passed over
ARCHIVE/_spool-0/                                 the place of one writer; the next takes _spool-1, and so on
ARCHIVE/_spool-0/name                             whose place: marks of another mean nothing here
ARCHIVE/_spool-0/000013.arrow                     rows accepted since
ARCHIVE/_spool-0/lock                             held (flock) by the writer who has the place

A mark says which spool is written and how long it is, and the same of the one before: "13:4096 12:88120". It
is moved on in one transaction with the records that came of the events and with how far their stream was
read. So a row is in the archive exactly if its event was counted, whatever dies in between: what a spool
holds beyond its mark was never accepted, and a spool that is no longer written becomes the same files however
often it is tried. Names that begin with `_` are passed over by the batch, as by Spark.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from profile_builder.archive_files import write_files
from profile_builder.archive_spool import Spool, read_spool, whole_bytes
from profile_builder.archive_tombstones import bury
from profile_builder.errors import ArchiveError
from storage.events.records import Event
from storage.syncing import replace_text, sync

_PLACE = "_spool-"
_NAME_BYTES = 4


@dataclass(frozen=True, slots=True)
class ArchiveMark:
    """How much of the spools counts.

    Attributes:
        number: Of the spool that is written.
        n_bytes: Its length.
        previous: Number and length of the one before, which may not be in files yet.
    """

    number: int
    n_bytes: int
    previous: tuple[int, int] | None = None

    def __str__(self) -> str:
        previous = "" if self.previous is None else f" {self.previous[0]}:{self.previous[1]}"
        return f"{self.number}:{self.n_bytes}{previous}"

    @classmethod
    def parse(cls, text: str) -> "ArchiveMark":
        """From its text.

        Raises:
            ArchiveError: It is none.
        """
        try:
            (number, n_bytes), *previous = [tuple(map(int, each.split(":"))) for each in text.split(" ")]
            return cls(number, n_bytes, *((number, n_bytes) for number, n_bytes in previous))
        except (TypeError, ValueError) as error:
            raise ArchiveError(f"{text!r} is no mark of an archive") from error


class Archive:
    """Writes an archive, from a place in it that is nobody else's meanwhile.

    Before anything is appended, and whenever files are due, `turned` is made to count and then `turn` called.

    Args:
        folder: It is made if it is missing.
        place: A place in it; default the first that is free.

    Raises:
        ArchiveError: It cannot be written, or the place is taken; the other methods raise it, too.
    """

    def __init__(self, folder: Path, place: Path | None = None) -> None:
        self._folder = folder
        self._spool: Spool | None = None
        self._mark: ArchiveMark | None = None
        self.n_rows = 0
        with self._plainly():
            self._spools, self._lock = _free_place(folder) if place is None else (place, _locked(place))
            try:
                self.name = _name_in(self._spools) or _named_anew(self._spools)
            except BaseException:
                os.close(self._lock)
                raise

    def left_behind(self) -> Iterator["Archive"]:
        """The places whose writers have ended without making files of what they had."""
        for place in sorted(self._folder.glob(f"{_PLACE}*")):
            if place != self._spools and any(spool.stat().st_size for spool in place.glob("*.arrow")):
                with suppress(ArchiveError), closing(Archive(self._folder, place)) as archive:
                    yield archive

    def begin_anew(self) -> None:
        """Go on where no mark is known, because the store is another: all that is there becomes files.

        The name changes: files of the one before are never written over.
        """
        for path in sorted(self._spools.glob("*.arrow")):
            with self._plainly():
                n_bytes = whole_bytes(path)
            self._finish((int(path.stem), n_bytes))
        with self._plainly():
            self.name = _named_anew(self._spools)

    def turned(self, mark: str | None) -> str:
        """The mark after the next turn.

        Args:
            mark: What counts now; None: nothing yet.
        """
        if mark is None:
            return str(ArchiveMark(1, 0))
        now = ArchiveMark.parse(mark)
        # Two turns on, nobody would know how much of the one before counts.
        self._finish(now.previous)
        return str(ArchiveMark(now.number + 1, 0, (now.number, now.n_bytes)))

    def turn(self, mark: str) -> None:
        """Begin the spool of the mark, which counts by now, and make files of the one before."""
        self._let_go()
        now = ArchiveMark.parse(mark)
        with self._plainly():
            self._spool = Spool(self._path(now.number))
        self._mark, self.n_rows = now, 0
        self._finish(now.previous)
        self._remove_others(now.number)

    def append(self, events: Sequence[Event]) -> str:
        """Keep rows; returns the mark that makes them count."""
        if self._spool is None or self._mark is None:
            raise RuntimeError("an archive is turned first")
        if events:
            with self._plainly():
                self._spool.append(events)
        self.n_rows += len(events)
        return str(ArchiveMark(self._mark.number, self._spool.n_bytes, self._mark.previous))

    def forget(self, user_id: str, until_s: int) -> None:
        """Have readers pass over what the user did up to then, in whichever file it is."""
        with self._plainly():
            bury(self._folder, user_id, until_s)

    def close(self) -> None:
        """Let another write it."""
        self._let_go()
        os.close(self._lock)

    def _let_go(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _finish(self, spool: tuple[int, int] | None) -> None:
        """Make files of a spool; one that is gone has become files before."""
        if spool is None or not self._path(spool[0]).exists():
            return
        number, n_bytes = spool
        with self._plainly():
            rows = read_spool(self._path(number), n_bytes)
            write_files(rows, self._folder, f"{number:06}-{self.name}", draft=self._spools / "draft")
            self._path(number).unlink()

    def _remove_others(self, number: int) -> None:
        """Remove spools that nothing of ever counted."""
        with self._plainly():
            for path in self._spools.glob("*.arrow"):
                if path != self._path(number):
                    path.unlink()

    def _path(self, number: int) -> Path:
        return self._spools / f"{number:06}.arrow"

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError(
                f"the archive {self._folder} cannot be written: {error.strerror or error}. What was accepted "
                "before stays."
            ) from error


def _free_place(folder: Path) -> tuple[Path, int]:
    """The first place that nobody has, and the lock that keeps it so."""
    for number in count():
        place = folder / f"{_PLACE}{number}"
        if not place.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            # Rows are no safer than the entry of their folder, or of the one above.
            for above in (folder, folder.parent):
                sync(above)
        with suppress(BlockingIOError):
            return place, _locked(place)
    raise AssertionError("there is always a next place")


def _locked(place: Path) -> int:
    lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _name_in(place: Path) -> str:
    try:
        return (place / "name").read_text().strip()
    except FileNotFoundError:
        return ""


def _named_anew(place: Path) -> str:
    name = secrets.token_hex(_NAME_BYTES)
    replace_text(place / "name", name)
    return name
