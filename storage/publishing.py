"""Versioned, immutable folders: written aside, made durable, then shown to readers by replacing one file.

    ROOT/CURRENT             the name of the live version
    ROOT/000003-9f8a12cd/    a version: manifest.json and the files it lists, all of them 0444
    ROOT/.draft/             a version being written; one left by a dead publisher is collected by the next
    ROOT/.arriving           the version that is moved into place but has never been live; collected likewise
    ROOT/.lock               held (flock) by the publisher at work
    ROOT/.collected-*/       an old version on its way out; one left by a dead collector goes with the next

A version's name is a sequence number and the start of its identity (storage.manifests): no clock. A reader
that follows CURRENT meets a whole version at any instant, whenever a publisher is killed.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from storage.errors import ArtefactError, NoVersionError, PublishError
from storage.leases import Lease, take_lease
from storage.manifests import Manifest, identity, read_manifest, verify_files
from storage.publication import (
    CURRENT,
    Publication,
    Showing,
    Write,
    collect_left_overs,
    commit,
    go_to,
    live_version,
    mark_as_made_again,
    prepare,
    publisher,
    sequence_of,
    version_names,
)
from storage.retention import Pruned, collect, reasons_to_keep

__all__ = ["Manifest", "Published", "VersionInfo", "VersionedFolder", "read_manifest", "verify_files"]

_NOTHING_NEEDED: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Published:
    """What came of a publish.

    Attributes:
        version: The live version's name.
        folder: Its folder.
        already_live: The same thing was live before, so nothing was written but that it was made again.
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

    @property
    def n_bytes(self) -> int:
        """The size of its data files; 0 when its manifest cannot be read."""
        files = cast(dict[str, dict[str, int]], self.manifest.get("files", {}))
        return sum(file["bytes"] for file in files.values())


class VersionedFolder:
    """The versions of one thing under one root: one process publishes at a time, any number read.

    Args:
        root: The folder.
        made_by: The command that publishes here: what a person without a version is told to run.
        newest_format: The newest `format` of a manifest that this software understands.
    """

    def __init__(self, root: Path, *, made_by: str = "", newest_format: int = 1) -> None:
        self.root = root
        self._newest_format = newest_format
        self._advice = f" Run: {made_by}" if made_by else ""

    def current(self) -> str:
        """The live version's name.

        Raises:
            NoVersionError: Nothing is live here, or CURRENT names a version that is not here.
        """
        before = None
        while (name := live_version(self.root)) != before:
            if name in version_names(self.root):
                return name
            # Another may have become live and this one been collected between the two looks: look again.
            before = name
        if name is None:
            raise NoVersionError(f"{_why_nothing_is_live(self.root)}{self._advice}")
        raise NoVersionError(
            f"{self.root / CURRENT} names version {name!r}, which is missing. {self._what_is_there()}"
        )

    def folder(self, version: str | None = None) -> Path:
        """The folder of `version`, or of the live one.

        Raises:
            NoVersionError: There is no such version.
        """
        if version is not None and version not in version_names(self.root):
            raise NoVersionError(f"{self.root} holds no version {version!r}. {self._what_is_there()}")
        return self.root / (version or self.current())

    def lease(self, version: str | None = None) -> Lease:
        """The folder of `version`, or of the live one, not to be collected while it is used.

        Raises:
            NoVersionError: There is no such version.
        """
        while True:
            lease = take_lease(self.folder(version))
            # Else it was collected that instant: another one is live, or the next look says that it is gone.
            if lease is not None:
                return lease

    def versions(self) -> list[VersionInfo]:
        """Every version, oldest first; one that cannot be read says why."""
        live = live_version(self.root)
        return [self._info(name, is_current=name == live) for name in version_names(self.root)]

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
        with publisher(self.root):
            publication = Publication(root=self.root, write=write)
            try:
                prepare(publication)
                twin = self._live_twin(publication)
                if twin is None:
                    commit(publication)
                else:
                    mark_as_made_again(self.root / twin)
            finally:
                # What cannot be collected now, the next publisher collects.
                with suppress(OSError):
                    collect_left_overs(self.root)
        version = twin or publication.version
        return Published(version, self.root / version, already_live=twin is not None)

    def make_current(self, version: str) -> None:
        """Make live a version that is here already: a rollback, or a step forward again.

        Raises:
            NoVersionError: There is no such version.
            DamagedArtefactError: A file of it is missing or of the wrong size.
            UnknownFormatError: It was written by a newer version of this software.
            PublishLockedError: Another process is publishing here.
            PublishError: CURRENT cannot be written.
        """
        folder = self.folder(version)
        verify_files(folder, self._manifest(version), checksums=False)
        with publisher(self.root):
            go_to(Showing(root=self.root, version=version))

    def rollback_target(self) -> str | None:
        """The newest older version that is whole by its manifest and sizes, if there is one.

        Raises:
            NoVersionError: Nothing is live here.
        """
        live = sequence_of(self.current())
        older = (name for name in reversed(version_names(self.root)) if sequence_of(name) < live)
        return next((name for name in older if self._is_whole(name)), None)

    def roll_back(self) -> str:
        """Make the version before the live one live; returns its name.

        Raises:
            NoVersionError: There is none to go back to; for the rest see `make_current`.
        """
        target = self.rollback_target()
        if target is None:
            raise NoVersionError(
                f"{self.root} holds no whole version older than the live one, {self.current()}. "
                f"{self._what_is_there()}"
            )
        self.make_current(target)
        return target

    def prune(self, keep: int, needed: Mapping[str, str] = _NOTHING_NEEDED) -> Pruned:
        """Collect old versions, but never the live one, the one to roll back to, or one in use.

        Args:
            keep: The newest so many are kept, too; 1 at least.
            needed: Others that are kept, and why.

        Raises:
            NoVersionError: Nothing is live here.
            PublishLockedError: Another process is publishing here.
            PublishError: The system does not let them be removed.
        """
        # Before the lock: that would make the folder.
        self.current()
        with publisher(self.root):
            versions = self.versions()
            reasons = {**needed, **reasons_to_keep(versions, keep, self.rollback_target())}
            try:
                return collect(self.root, [each.name for each in versions], reasons)
            except OSError as error:
                raise PublishError(
                    f"old versions in {self.root} cannot be collected: {error.strerror or error} "
                    f"({error.filename}). The others are whole."
                ) from error

    def _is_whole(self, version: str) -> bool:
        try:
            verify_files(self.root / version, self._manifest(version), checksums=False)
        except ArtefactError:
            return False
        return True

    def _manifest(self, version: str) -> Manifest:
        return read_manifest(self.root / version, newest_format=self._newest_format)

    def _info(self, version: str, *, is_current: bool) -> VersionInfo:
        try:
            return VersionInfo(version, is_current, self._manifest(version), problem="")
        except ArtefactError as error:
            return VersionInfo(version, is_current, {}, problem=str(error))

    def _live_twin(self, publication: Publication) -> str | None:
        """The live version, if it is of the draft's identity and undamaged."""
        name = live_version(self.root)
        if name not in version_names(self.root):
            return None
        try:
            manifest = self._manifest(name)
            if identity(manifest) != identity(publication.manifest):
                return None
            verify_files(self.root / name, manifest, checksums=True)
        except ArtefactError:
            return None
        return name

    def _what_is_there(self) -> str:
        names = version_names(self.root)
        return f"Versions there: {', '.join(names)}." if names else f"No version is there.{self._advice}"


def _why_nothing_is_live(root: Path) -> str:
    if not root.is_dir():
        return f"{root} is not a folder that exists."
    if any(root.iterdir()):
        return f"{root} holds no readable {CURRENT}: nothing was published there whole."
    return f"{root} is empty: nothing was published there."
