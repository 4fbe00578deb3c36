"""The steps by which a version is written aside, made durable and shown; see storage.publishing.

Each step does one thing, so that a test can crash before any of them.
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

from storage.errors import PublishError, PublishLockedError
from storage.manifests import MANIFEST, Manifest, describe_files, encode_manifest, identity

Write = Callable[[Path], Manifest]

CURRENT = "CURRENT"
_DRAFT, _LOCK, _NEXT_CURRENT = ".draft", ".lock", ".CURRENT"
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


def _collect_left_overs(publication: Publication) -> None:
    if publication.draft.exists():
        shutil.rmtree(publication.draft)


def _create_draft(publication: Publication) -> None:
    publication.draft.mkdir()
    publication.draft.chmod(_FOLDER_MODE)


def _write_data(publication: Publication) -> None:
    publication.manifest = {"format": 1, **publication.write(publication.draft)}


def _make_data_durable(publication: Publication) -> None:
    for path in publication.draft.iterdir():
        path.chmod(_FILE_MODE)
        _sync(path)


def _write_manifest(publication: Publication) -> None:
    publication.manifest["files"] = describe_files(publication.draft.iterdir())
    path = publication.draft / MANIFEST
    path.write_bytes(encode_manifest(publication.manifest))
    path.chmod(_FILE_MODE)
    _sync(path)


def _make_draft_durable(publication: Publication) -> None:
    _sync(publication.draft)


def _move_into_place(publication: Publication) -> None:
    publication.version = f"{_next_sequence(publication.root):06d}-{identity(publication.manifest)[:8]}"
    publication.draft.rename(publication.root / publication.version)


def _make_root_durable(showing: Showing) -> None:
    _sync(showing.root)


def _write_next_current(showing: Showing) -> None:
    path = showing.root / _NEXT_CURRENT
    path.write_text(showing.version + "\n")
    path.chmod(_CURRENT_MODE)
    _sync(path)


def _replace_current(showing: Showing) -> None:
    os.replace(showing.root / _NEXT_CURRENT, showing.root / CURRENT)


PREPARE: tuple[Callable[[Publication], None], ...] = (
    _collect_left_overs,
    _create_draft,
    _write_data,
    _make_data_durable,
    _write_manifest,
    _make_draft_durable,
)
SHOW: tuple[Callable[[Showing], None], ...] = (_write_next_current, _replace_current, _make_root_durable)
COMMIT: tuple[Callable[[Publication], None], ...] = (_move_into_place, _make_root_durable, *SHOW)


def prepare(publication: Publication) -> None:
    """Write the draft: data files and manifest, whole and durable, shown to nobody."""
    _run(PREPARE, publication)


def commit(publication: Publication) -> None:
    """Make the draft a version, and the live one."""
    _run(COMMIT, publication)


def show(showing: Showing) -> None:
    """Make a version the live one by replacing CURRENT."""
    _run(SHOW, showing)


def _run(steps: tuple[Callable[[ShowingT], None], ...], showing: ShowingT) -> None:
    for step in steps:
        step(showing)


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
        return (root / CURRENT).read_text(errors="replace").strip()
    except OSError:
        return None


def version_names(root: Path) -> list[str]:
    """The versions under `root`, oldest first."""
    if not root.is_dir():
        return []
    names = (path.name for path in root.iterdir() if _VERSION.fullmatch(path.name) and path.is_dir())
    return sorted(names, key=_sequence)


def _sequence(name: str) -> int:
    return int(name.partition("-")[0])


def _next_sequence(root: Path) -> int:
    return max(map(_sequence, version_names(root)), default=0) + 1


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
