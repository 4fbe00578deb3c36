"""The steps by which a version is written aside, made durable and shown; see storage.publishing.

Each step does one thing, and its name is its fault point: tests put a crash or a failing disk before any of
them by rewriting PREPARE, COMMIT and GO_TO. Nothing here knows of tests.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from storage.errors import PublishError, PublishLockedError
from storage.manifests import MANIFEST, Manifest, describe_files, encode_manifest, identity
from storage.syncing import drop_from_page_cache, sync

Write = Callable[[Path], Manifest]

CURRENT = "CURRENT"
_DRAFT, _LOCK, _NEXT_CURRENT, _ARRIVING = ".draft", ".lock", ".CURRENT", ".arriving"
_VERSION = re.compile(r"(\d{6,})-[0-9a-f]{8}")
# Whatever the umask: a server is seldom run by whoever publishes.
_FILE_MODE, _FOLDER_MODE, _CURRENT_MODE = 0o444, 0o755, 0o644


@dataclass(slots=True, kw_only=True)
class Showing:
    """A version on its way to be the live one."""

    root: Path
    version: str = ""


@dataclass(slots=True, kw_only=True)
class Publication(Showing):
    """One publish under way: each step reads it and adds its part."""

    write: Write
    manifest: Manifest = field(default_factory=dict)

    @property
    def draft(self) -> Path:
        """The folder that is written to."""
        return self.root / _DRAFT


ShowingT = TypeVar("ShowingT", bound=Showing)


def _collect_left_overs(showing: Showing) -> None:
    collect_left_overs(showing.root)


def _create_draft(publication: Publication) -> None:
    publication.draft.mkdir()
    publication.draft.chmod(_FOLDER_MODE)


def _write_data(publication: Publication) -> None:
    publication.manifest = {"format": 1, **publication.write(publication.draft)}


def _make_data_durable(publication: Publication) -> None:
    for path in publication.draft.iterdir():
        path.chmod(_FILE_MODE)
        sync(path)


def _write_manifest(publication: Publication) -> None:
    publication.manifest["files"] = describe_files(publication.draft.iterdir())
    path = publication.draft / MANIFEST
    path.write_bytes(encode_manifest(publication.manifest))
    path.chmod(_FILE_MODE)
    sync(path)


def _make_draft_durable(publication: Publication) -> None:
    sync(publication.draft)


def _leave_memory(publication: Publication) -> None:
    """Writing left it in memory in small pages; a reader gets large ones only of what is not there yet."""
    # It is on the disk, which is all that was asked for.
    with suppress(OSError):
        for path in publication.draft.iterdir():
            drop_from_page_cache(path)


def _announce(publication: Publication) -> None:
    publication.version = f"{_next_sequence(publication.root):06d}-{identity(publication.manifest)[:8]}"
    _write_name(publication.root / _ARRIVING, publication.version)
    sync(publication.root)


def _move_into_place(publication: Publication) -> None:
    publication.draft.rename(publication.root / publication.version)


def _make_version_durable(publication: Publication) -> None:
    sync(publication.root)


def _write_next_current(showing: Showing) -> None:
    _write_name(showing.root / _NEXT_CURRENT, showing.version)


def _replace_current(showing: Showing) -> None:
    os.replace(showing.root / _NEXT_CURRENT, showing.root / CURRENT)


def _make_current_durable(showing: Showing) -> None:
    sync(showing.root)


def _end_announcement(showing: Showing) -> None:
    """What has been live may be gone back to: it is nobody's left-over any more."""
    arriving = _name_in(showing.root / _ARRIVING)
    if arriving is not None and arriving == live_version(showing.root):
        (showing.root / _ARRIVING).unlink()


PREPARE: tuple[Callable[[Publication], None], ...] = (
    _collect_left_overs,
    _create_draft,
    _write_data,
    _make_data_durable,
    _write_manifest,
    _make_draft_durable,
    _leave_memory,
)
SHOW: tuple[Callable[[Showing], None], ...] = (
    _write_next_current,
    _replace_current,
    _make_current_durable,
    _end_announcement,
)
COMMIT: tuple[Callable[[Publication], None], ...] = (
    _announce,
    _move_into_place,
    _make_version_durable,
    *SHOW,
)
# A publisher may have died after it replaced CURRENT: its version has been live before another is shown.
GO_TO: tuple[Callable[[Showing], None], ...] = (_make_current_durable, _end_announcement, *SHOW)


def prepare(publication: Publication) -> None:
    """Write the draft: data files and manifest, whole and durable, shown to nobody."""
    _run(PREPARE, publication)


def commit(publication: Publication) -> None:
    """Make the draft a version, and the live one."""
    _run(COMMIT, publication)


def go_to(showing: Showing) -> None:
    """Make a version the live one that is here already, by replacing CURRENT."""
    _run(GO_TO, showing)


def mark_as_made_again(version: Path) -> None:
    """Give its manifest's file the time of now, from which servers count how old what they serve is."""
    # It says how old a version is, and nothing else: who may not say it has published all the same.
    with suppress(OSError):
        os.utime(version / MANIFEST)


def _run(steps: tuple[Callable[[ShowingT], None], ...], showing: ShowingT) -> None:
    for step in steps:
        step(showing)


def collect_left_overs(root: Path) -> None:
    """Remove what a publisher that died or failed left here; only the publisher at work may.

    That is its draft, and a version that it moved into place but never showed: nobody can have been led to
    it. Every other version was live once, and is kept.

    Raises:
        OSError: Something cannot be read or removed; what is live stays.
    """
    draft, arriving, live = root / _DRAFT, _name_in(root / _ARRIVING), _name_in(root / CURRENT)
    _remove(draft)
    if arriving not in {None, live} and arriving in version_names(root):
        # Under its own name it would be met half removed.
        (root / arriving).rename(draft)
        _remove(draft)
    if arriving is not None:
        # The dead publisher may have replaced CURRENT and not made it durable.
        sync(root)
        (root / _ARRIVING).unlink()
    (root / _NEXT_CURRENT).unlink(missing_ok=True)


@contextmanager
def publisher(root: Path) -> Iterator[None]:
    """Be the only publisher of `root`; what the system refuses becomes a PublishError that names it."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / _LOCK).open("w") as lock:
            _take(lock.fileno(), root)
            yield
    except OSError as error:
        culprit = f" ({error.filename})" if error.filename else ""
        raise PublishError(
            f"cannot publish into {root}: {error.strerror or error}{culprit}. "
            f"The live version there: {live_version(root) or 'none'}."
        ) from error


def _take(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PublishLockedError(
            f"another process is publishing into {root}: wait until it is done."
        ) from error


def live_version(root: Path) -> str | None:
    """What CURRENT says; None where there is none to read."""
    try:
        return _name_in(root / CURRENT)
    except OSError:
        return None


def version_names(root: Path) -> list[str]:
    """The versions under `root`, oldest first."""
    if not root.is_dir():
        return []
    names = (path.name for path in root.iterdir() if _VERSION.fullmatch(path.name) and path.is_dir())
    return sorted(names, key=sequence_of)


def sequence_of(name: str) -> int:
    """The number that a version's name begins with: later ones have larger ones."""
    return int(name.partition("-")[0])


def _next_sequence(root: Path) -> int:
    return max(map(sequence_of, version_names(root)), default=0) + 1


def _name_in(path: Path) -> str | None:
    """The version that a file names, or None without the file."""
    try:
        return path.read_text(errors="replace").strip()
    except FileNotFoundError:
        return None


def _write_name(path: Path, version: str) -> None:
    path.write_text(version + "\n")
    path.chmod(_CURRENT_MODE)
    sync(path)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
