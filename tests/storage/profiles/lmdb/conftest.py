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
def read_only(open_folder: Path) -> ReadOnly:
    """Within it this process cannot write into `open_folder`."""

    @contextmanager
    def as_reader() -> Iterator[None]:
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
            try:
                yield
            finally:
                os.seteuid(0)
        else:
            folders = [path for path in (open_folder, *open_folder.rglob("*")) if path.is_dir()]
            for folder in folders:
                folder.chmod(0o555)
            try:
                yield
            finally:
                for folder in folders:
                    folder.chmod(0o755)

    return as_reader
