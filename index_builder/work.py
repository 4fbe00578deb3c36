"""What a build has finished already, kept beside what it publishes: a killed build goes on where it was.

    OUT/.building/hnsw-000400000/    a stage's files, and a manifest with their checksums and their key
    OUT/.building/.unfinished/       a stage being written
    OUT/.building.lock               held (flock) by the build at work

A stage's key is the digest of everything it was made of: what was made of something else, or was damaged, is
never used. All of it is collected once the version is published.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from process.progress import Reporter
from storage.errors import ArtefactError, PublishError, PublishLockedError
from storage.manifests import MANIFEST, describe_files, encode_manifest, read_manifest, verify_files
from storage.syncing import sync

Write = Callable[[Path], None]

_FOLDER, _LOCK, _UNFINISHED = ".building", ".building.lock", ".unfinished"


class Work:
    """The finished stages of one build; get one from `work_in`.

    Args:
        folder: Where they are kept.
        reporter: Is told when they cannot be.
    """

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder
        self._reporter = reporter

    def find(self, stage: str, key: str) -> Path | None:
        """The folder with the stage's files, the furthest of this key; None where there is none intact."""
        for folder in sorted(self._kept(stage), reverse=True):
            if _is_intact(folder, key):
                return folder
        return None

    def keep(self, stage: str, key: str, write: Write, *, done: int = 0) -> None:
        """Keep what `write` writes into a folder, in place of what was kept of this stage.

        Args:
            stage: Its name.
            key: Digest of everything it is made of.
            write: Writes the stage's files, flat, into the folder it is given.
            done: How far the stage has come, where it is kept in parts.
        """
        try:
            self._keep(f"{stage}-{done:09d}", key, write)
        except OSError as error:
            shutil.rmtree(self._folder / _UNFINISHED, ignore_errors=True)
            self._reporter.say(
                f"  cannot keep finished work in {self._folder}: {error.strerror or error}. "
                "The build goes on; if it is killed, it begins anew."
            )

    def collect(self) -> None:
        """Remove everything: what it led to is published."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self, name: str, key: str, write: Write) -> None:
        unfinished, folder = self._folder / _UNFINISHED, self._folder / name
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(parents=True)
        write(unfinished)
        manifest = encode_manifest({"format": 1, "key": key, "files": describe_files(unfinished.iterdir())})
        (unfinished / MANIFEST).write_bytes(manifest)
        for path in (*unfinished.iterdir(), unfinished):
            sync(path)
        before = [each for each in self._kept(name.rpartition("-")[0]) if each != folder]
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
        sync(self._folder)
        for each in before:
            shutil.rmtree(each)

    def _kept(self, stage: str) -> list[Path]:
        return list(self._folder.glob(f"{stage}-*"))


@contextmanager
def work_in(root: Path, reporter: Reporter) -> Iterator[Work]:
    """The work of the only build into `root`.

    Raises:
        PublishLockedError: Another build is at work there.
        PublishError: Nothing can be written there.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / _LOCK).open("w")
    except OSError as error:
        why = "it is a file" if root.is_file() else error.strerror
        raise PublishError(
            f"cannot build into {root}: {why}. Name another folder with --out: one that is there and may be "
            "written to, or one to be made."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PublishLockedError(
                f"another build into {root} is at work: wait until it is done."
            ) from error
        yield Work(root / _FOLDER, reporter)


def digest(*parts: object) -> str:
    """SHA-256 (hex) of arrays, by their types, shapes and content, and of anything else by its repr."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype.str} {part.shape}\n".encode())
            total.update(_bytes(part))
        else:
            total.update(f"{part!r}\n".encode())
    return total.hexdigest()


def _bytes(array: NDArray[np.generic]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _is_intact(folder: Path, key: str) -> bool:
    try:
        manifest = read_manifest(folder)
        if manifest.get("key") != key:
            return False
        verify_files(folder, manifest, checksums=True)
    except (ArtefactError, OSError):
        return False
    return True
