"""The pin artefact as a task sees it: mapped into memory once a process, checked once a machine."""

import fcntl
import os
import platform
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from profile_builder.local import keep_freed_memory
from storage.errors import NoVersionError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.port import Pins


@dataclass(frozen=True, slots=True)
class PinsPlace:
    """Where tasks find the artefact that the driver has.

    Attributes:
        root: The folder of its versions, the same on every machine: shared, mounted, or brought along.
        version: The one to open.
    """

    root: str
    version: str

    def open(self) -> Pins:
        """The artefact, the same object for every task of this process.

        Raises:
            ArtefactError: It is not there, or not what was published.
        """
        return _opened(self)


@lru_cache(maxsize=1)
def _opened(place: PinsPlace) -> Pins:
    keep_freed_memory()
    root = Path(place.root)
    mark = _mark_of(_folder(root, place.version))
    # Its processes wait for the first, which may hash gigabytes; a copy on another machine is another copy.
    with mark.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        is_checked = os.fstat(file.fileno()).st_size > 0
        pins = PinArtefact.open(root, place.version, checksums=not is_checked)
        if not is_checked:
            file.write(b"checked")
    return pins


def _folder(root: Path, version: str) -> Path:
    try:
        return pin_versions(root).folder(version)
    except NoVersionError as error:
        raise NoVersionError(
            f"the executor on {platform.node()} does not find version {version} of the pins in {root}. "
            "Put it there, or say with --spark-pins where executors find it."
        ) from error


def _mark_of(folder: Path) -> Path:
    """A file of this user's, on this machine, which says whether this copy's checksums were compared."""
    manifest = (folder / "manifest.json").stat()
    copy = f"{folder.resolve()} {manifest.st_dev} {manifest.st_ino} {manifest.st_mtime_ns}"
    name = f"pinnersage-{os.getuid()}-{sha256(copy.encode()).hexdigest()[:16]}.checked"
    return Path(tempfile.gettempdir()) / name
