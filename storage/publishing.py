"""Versioned, immutable folders: written aside, made durable, then shown to readers by replacing one file.

    ROOT/CURRENT             the name of the live version
    ROOT/000003-9f8a12cd/    a version: manifest.json and the files it lists, all of them 0444
    ROOT/.draft/             a version being written; one left by a dead publisher is collected by the next
    ROOT/.lock               held (flock) by the publisher at work

A version's name is a sequence number and the start of its identity (storage.manifests): no clock. A reader
that follows CURRENT meets a whole version at any instant, whenever a publisher is killed.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from storage.errors import (
    ArtefactError,
    NoVersionError,
    PublishError,
    PublishLockedError,
)
from storage.manifests import (
    MANIFEST,
    Manifest,
    describe_files,
    encode_manifest,
    identity,
    read_manifest,
    verify_files,
)

__all__ = [
    "CURRENT",
    "Manifest",
    "Published",
    "VersionInfo",
    "VersionedFolder",
    "read_manifest",
    "verify_files",
]

Write = Callable[[Path], Manifest]

CURRENT = "CURRENT"
_DRAFT, _LOCK, _NEXT_CURRENT = ".draft", ".lock", ".CURRENT"
_VERSION = re.compile(r"(\d{6,})-[0-9a-f]{8}")
_FILE_MODE, _FOLDER_MODE = 0o444, 0o755


@dataclass(frozen=True, slots=True)
class Published:
    """What came of a publish.

    Attributes:
        version: The live version's name.
        folder: Its folder.
        already_live: The same thing was live before, so nothing was written.
    """

    version: str
    folder: Path
    already_live: bool


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version as a list shows it.

    Attributes:
        name: The version's name.
        is_current: It is the live one.
        manifest: Its manifest; empty when that cannot be read.
        problem: Why it cannot be read; empty when it can.
    """

    name: str
    is_current: bool
    manifest: Manifest
    problem: str


class VersionedFolder:
    """The versions of one thing under one root: one process publishes at a time, any number read."""

    def __init__(self, root: Path, *, made_by: str = "") -> None:
        """`made_by` is the command that publishes here: what a person without a version is told to run."""
        self.root = root
        self._advice = f" Run: {made_by}" if made_by else ""

    def current(self) -> str:
        """The live version's name.

        Raises:
            NoVersionError: Nothing is live here, or CURRENT names a version that is not here.
        """
        name = _live(self.root)
        if name is None:
            raise NoVersionError(f"{_why_nothing_is_live(self.root)}{self._advice}")
        if name not in _version_names(self.root):
            raise NoVersionError(
                f"{self.root / CURRENT} names version {name!r}, which is missing. {self._what_is_there()}"
            )
        return name

    def folder(self, version: str | None = None) -> Path:
        """The folder of `version`, or of the live one.

        Raises:
            NoVersionError: There is no such version.
        """
        name = self.current() if version is None else version
        if name not in _version_names(self.root):
            raise NoVersionError(f"{self.root} holds no version {name!r}. {self._what_is_there()}")
        return self.root / name

    def versions(self) -> list[VersionInfo]:
        """Every version, oldest first; one that cannot be read says why."""
        live = _live(self.root)
        return [_info(self.root / name, is_current=name == live) for name in _version_names(self.root)]

    def publish(self, write: Write) -> Published:
        """Write a version and make it live, atomically and durably.

        Args:
            write: Writes the data files, flat, into the folder it is given and returns the manifest's content
                without "files". `observed` in it holds what two runs on one input need not share (see
                storage.manifests.identity); `format` defaults to 1.

        Raises:
            PublishLockedError: Another process is publishing here.
            PublishError: The version could not be written; what was live still is.
        """
        with _publisher(self.root):
            publication = _Publication(root=self.root, write=write)
            try:
                _run(PREPARE, publication)
                twin = _live_twin(publication)
                if twin is None:
                    _run(COMMIT, publication)
            finally:
                shutil.rmtree(publication.draft, ignore_errors=True)
        version = twin or publication.version
        return Published(version, self.root / version, already_live=twin is not None)

    def make_current(self, version: str) -> None:
        """Make live a version that is here already: a rollback, or a step forward again.

        Raises:
            NoVersionError: There is no such version.
            DamagedArtefactError: A file of it is missing or of the wrong size.
            PublishLockedError: Another process is publishing here.
            PublishError: CURRENT cannot be written.
        """
        folder = self.folder(version)
        verify_files(folder, read_manifest(folder), checksums=False)
        with _publisher(self.root):
            _run(SHOW, _Showing(root=self.root, version=version))

    def _what_is_there(self) -> str:
        names = _version_names(self.root)
        return f"Versions there: {', '.join(names)}." if names else f"No version is there.{self._advice}"


# The steps of a publish, in order. Each does one thing, so that a test can crash before any of them.


@dataclass(slots=True, kw_only=True)
class _Showing:
    """A version on its way to be the live one."""

    root: Path
    version: str = ""


@dataclass(slots=True, kw_only=True)
class _Publication(_Showing):
    """One publish under way: each step reads it and adds its part."""

    write: Write
    manifest: Manifest = field(default_factory=dict)

    @property
    def draft(self) -> Path:
        return self.root / _DRAFT


ShowingT = TypeVar("ShowingT", bound=_Showing)


def _collect_left_overs(publication: _Publication) -> None:
    if publication.draft.exists():
        shutil.rmtree(publication.draft)


def _create_draft(publication: _Publication) -> None:
    publication.draft.mkdir()
    publication.draft.chmod(_FOLDER_MODE)


def _write_data(publication: _Publication) -> None:
    publication.manifest = {"format": 1, **publication.write(publication.draft)}


def _make_data_durable(publication: _Publication) -> None:
    for path in publication.draft.iterdir():
        path.chmod(_FILE_MODE)
        _sync(path)


def _write_manifest(publication: _Publication) -> None:
    publication.manifest["files"] = describe_files(publication.draft.iterdir())
    path = publication.draft / MANIFEST
    path.write_bytes(encode_manifest(publication.manifest))
    path.chmod(_FILE_MODE)
    _sync(path)


def _make_draft_durable(publication: _Publication) -> None:
    _sync(publication.draft)


def _move_into_place(publication: _Publication) -> None:
    publication.version = f"{_next_sequence(publication.root):06d}-{identity(publication.manifest)[:8]}"
    publication.draft.rename(publication.root / publication.version)


def _make_root_durable(showing: _Showing) -> None:
    _sync(showing.root)


def _write_next_current(showing: _Showing) -> None:
    path = showing.root / _NEXT_CURRENT
    path.write_text(showing.version + "\n")
    _sync(path)


def _replace_current(showing: _Showing) -> None:
    os.replace(showing.root / _NEXT_CURRENT, showing.root / CURRENT)


PREPARE: tuple[Callable[[_Publication], None], ...] = (
    _collect_left_overs,
    _create_draft,
    _write_data,
    _make_data_durable,
    _write_manifest,
    _make_draft_durable,
)
SHOW: tuple[Callable[[_Showing], None], ...] = (_write_next_current, _replace_current, _make_root_durable)
COMMIT: tuple[Callable[[_Publication], None], ...] = (_move_into_place, _make_root_durable, *SHOW)


def _run(steps: tuple[Callable[[ShowingT], None], ...], showing: ShowingT) -> None:
    for step in steps:
        step(showing)


@contextmanager
def _publisher(root: Path) -> Iterator[None]:
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
            f"The live version there: {_live(root) or 'none'}."
        ) from error


def _take(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PublishLockedError(
            f"another process is publishing into {root}: wait until it is done."
        ) from error


def _live_twin(publication: _Publication) -> str | None:
    """The live version, if it is of the draft's identity and undamaged."""
    name = _live(publication.root)
    if name not in _version_names(publication.root):
        return None
    try:
        manifest = read_manifest(publication.root / name)
        if identity(manifest) != identity(publication.manifest):
            return None
        verify_files(publication.root / name, manifest, checksums=True)
    except ArtefactError:
        return None
    return name


def _live(root: Path) -> str | None:
    """What CURRENT says; None where there is none to read."""
    try:
        return (root / CURRENT).read_text(errors="replace").strip()
    except OSError:
        return None


def _why_nothing_is_live(root: Path) -> str:
    if not root.is_dir():
        return f"{root} is not a folder that exists."
    if any(root.iterdir()):
        return f"{root} holds no readable {CURRENT}: nothing was published there whole."
    return f"{root} is empty: nothing was published there."


def _version_names(root: Path) -> list[str]:
    """The versions under `root`, oldest first."""
    if not root.is_dir():
        return []
    names = (path.name for path in root.iterdir() if _VERSION.fullmatch(path.name) and path.is_dir())
    return sorted(names, key=_sequence)


def _sequence(name: str) -> int:
    return int(name.partition("-")[0])


def _next_sequence(root: Path) -> int:
    return max(map(_sequence, _version_names(root)), default=0) + 1


def _info(folder: Path, *, is_current: bool) -> VersionInfo:
    try:
        return VersionInfo(folder.name, is_current, read_manifest(folder), problem="")
    except ArtefactError as error:
        return VersionInfo(folder.name, is_current, {}, problem=str(error))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
