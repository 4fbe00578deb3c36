"""Folders that cannot be written to, also for root, who may write everywhere."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

NOBODY = 65_534

ReadOnly = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach: pytest's own is for its owner only."""
    folder = Path(tempfile.mkdtemp(prefix="pinnersage-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged() -> ReadOnly:
    """Within it this process has no right that others have not."""

    @contextmanager
    def as_nobody() -> Iterator[None]:
        user = os.geteuid()
        os.seteuid(NOBODY if user == 0 else user)
        try:
            yield
        finally:
            os.seteuid(user)

    return as_nobody


@pytest.fixture
def read_only(open_folder: Path, unprivileged: ReadOnly) -> ReadOnly:
    """Within it this process cannot write into `open_folder`."""

    @contextmanager
    def as_reader() -> Iterator[None]:
        folders = [path for path in (open_folder, *open_folder.rglob("*")) if path.is_dir()]
        for folder in folders:
            folder.chmod(0o555)
        with unprivileged():
            yield
        for folder in folders:
            folder.chmod(0o755)

    return as_reader
