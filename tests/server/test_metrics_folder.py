"""Where the processes of a server count: nothing is left of it, and nobody else's is touched."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from server.metrics_folder import HELD, PREFIX, counting_folder

HOLD = """
import sys, time
from pathlib import Path
from server.metrics_folder import counting_folder
with counting_folder(Path(sys.argv[1])) as folder:
    (folder / "0.rows").write_text("counted")
    print(folder, flush=True)
    time.sleep(1_000)
"""
ROOT = Path(__file__).parents[2]


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    """Whether the server ends well or not."""

    def count() -> NoReturn:
        with counting_folder(tmp_path) as folder:
            (folder / "0.rows").write_text("counted")
            assert [folder.name] == names(tmp_path)
            assert folder.name.startswith(PREFIX)
            raise KeyError

    with pytest.raises(KeyError):
        count()
    assert names(tmp_path) == []


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """Not before it is dead, and whichever process has its number by then."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        theirs = Path(server.stdout.readline().strip())
        with counting_folder(tmp_path) as ours:
            assert names(tmp_path) == sorted([theirs.name, ours.name])
        assert names(tmp_path) == [theirs.name]
        server.send_signal(signal.SIGKILL)
    with counting_folder(tmp_path) as ours:
        assert names(tmp_path) == [ours.name]


def test_what_may_be_somebody_elses_stays(tmp_path: Path) -> None:
    """A folder that nobody ever held, as of an earlier version that runs; a link; a file of the name."""
    elsewhere = tmp_path / "elsewhere"
    for each in (elsewhere, tmp_path / f"{PREFIX}earlier"):
        each.mkdir()
    (elsewhere / HELD).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}file").touch()
    before = names(tmp_path)
    with counting_folder(tmp_path):
        assert set(before) < set(names(tmp_path))
    assert names(tmp_path) == before
    assert os.listdir(elsewhere) == [HELD]


def test_what_was_killed_before_it_had_a_name_is_removed_later(tmp_path: Path) -> None:
    """A server that starts at this moment may be about to hold such a folder: it must be an hour old."""
    old, held, young = (tmp_path / f".{PREFIX}{name}" for name in ("old", "held", "young"))
    for each in (old, held, young):
        each.mkdir()
    (old / HELD).touch()
    an_hour_ago = time.time() - 3_700
    with (held / HELD).open("w") as holding:
        fcntl.flock(holding, fcntl.LOCK_EX)
        for each in (old, held):
            os.utime(each, (an_hour_ago, an_hour_ago))
        with counting_folder(tmp_path):
            assert set(names(tmp_path)) > {held.name, young.name}
    assert names(tmp_path) == sorted([held.name, young.name])
    # Killed before it could be held at all.
    os.utime(young, (an_hour_ago, an_hour_ago))
    with counting_folder(tmp_path):
        pass
    assert names(tmp_path) == []
