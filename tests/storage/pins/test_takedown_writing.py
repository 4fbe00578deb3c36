"""The takedown list is changed whole or not at all, and nobody's change is lost."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import TakedownError
from storage.pins.takedown import FILE, Block, read_takedown
from storage.pins.takedown_writing import HEADER, Change, block, unblock
from tests.waiting import JOB_S

BLOCK_MANY = """
import sys
from pathlib import Path
from storage.pins.takedown import Block
from storage.pins.takedown_writing import block, unblock

root, name = Path(sys.argv[1]), sys.argv[2]
for number in range(100):
    block(root, [Block(f"{name}-{number}"), Block("passing")])
    unblock(root, ["passing"])
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from storage.pins import takedown_writing
from storage.pins.takedown import Block

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

module, _, name = sys.argv[2].rpartition(".")
setattr({"os": os, "Path": Path}[module], name, die)
takedown_writing.block(Path(sys.argv[1]), [Block("new")])
"""


def text(root: Path) -> str:
    return (root / FILE).read_text()


def test_the_first_block_makes_the_file(tmp_path: Path) -> None:
    """With some words for whoever opens it; others can read it, whatever the umask."""
    before = os.umask(0o077)
    try:
        block(tmp_path, [Block("a"), Block("b c", only=True, note="by ann\non 3 May")])
    finally:
        os.umask(before)
    assert text(tmp_path) == HEADER.decode() + 'a\n"b c" only  # by ann on 3 May\n'
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o644


def test_lines_of_others_stay_as_they_are(tmp_path: Path) -> None:
    """Comments, blank and unreadable lines, blanks and order; only the lines concerned come and go."""
    (tmp_path / FILE).write_bytes(b"# ours\r\n\n  a  # why\nbad line\n\xff\nb")
    block(tmp_path, [Block("c")])
    unblock(tmp_path, ["b"])
    assert (tmp_path / FILE).read_bytes() == b"# ours\r\n\n  a  # why\nbad line\n\xff\nc\n"


def test_a_pin_is_listed_once(tmp_path: Path) -> None:
    """Blocked alone and then with its group it is widened; the other way round it stays as wide."""
    assert block(tmp_path, [Block("a", only=True)]) == Change(done=("a",), already=())
    assert block(tmp_path, [Block("a", only=True, note="again")]) == Change(done=(), already=("a",))
    assert block(tmp_path, [Block("a"), Block("b")]) == Change(done=("a", "b"), already=())
    assert block(tmp_path, [Block("a", only=True)]) == Change(done=(), already=("a",))
    assert read_takedown(tmp_path).blocks == (Block("a"), Block("b"))
    assert text(tmp_path).count("a\n") == 1


def test_unblocking_takes_every_line_of_a_pin(tmp_path: Path) -> None:
    """Also where people wrote several; who is not on the list is said to be so, and nothing is written."""
    (tmp_path / FILE).write_text('a\nb\n"a" only\n')
    assert unblock(tmp_path, ["a", "x"]) == Change(done=("a",), already=("x",))
    assert text(tmp_path) == "b\n"
    inode = (tmp_path / FILE).stat().st_ino
    unblock(tmp_path, ["x"])
    assert (tmp_path / FILE).stat().st_ino == inode


def test_unblocking_where_nothing_was_ever_blocked_makes_no_file(tmp_path: Path) -> None:
    """Nor is it an error."""
    assert unblock(tmp_path, ["a"]) == Change(done=(), already=("a",))
    assert not (tmp_path / FILE).exists()


def test_an_impossible_id_changes_nothing(tmp_path: Path) -> None:
    """Not even for the good ones beside it."""
    with pytest.raises(ValueError, match="the id has 129 bytes"):
        block(tmp_path, [Block("good"), Block("x" * 129)])
    assert not (tmp_path / FILE).exists()


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    """A hundred blocks each, at once, with unblocks in between: all there at the end."""
    writers = [subprocess.Popen([sys.executable, "-c", BLOCK_MANY, str(tmp_path), name]) for name in "xy"]
    assert [writer.wait(JOB_S) for writer in writers] == [0, 0]
    listed = {each.pin_id for each in read_takedown(tmp_path).blocks}
    assert listed == {f"{name}-{number}" for name in "xy" for number in range(100)}


@pytest.mark.parametrize(
    ("step", "listed"),
    [
        ("Path.open", {"old"}),
        ("os.fchmod", {"old"}),
        ("os.fsync", {"old"}),
        ("Path.replace", {"old"}),
        ("os.close", {"old", "new"}),
    ],
)
def test_a_kill_at_any_step_leaves_a_whole_list(tmp_path: Path, step: str, listed: set[str]) -> None:
    """The old one or the new one; and the next writer is not kept out by what was left."""
    block(tmp_path, [Block("old")])
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), step], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert {each.pin_id for each in read_takedown(tmp_path).blocks} == listed
    block(tmp_path, [Block("newer")])
    assert {each.pin_id for each in read_takedown(tmp_path).blocks} == listed | {"newer"}


def test_a_full_disk_leaves_the_list_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so."""
    block(tmp_path, [Block("old")])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        TakedownError, match=r"blocked\.txt cannot be changed: No space left on device\. It is as it was\."
    ):
        block(tmp_path, [Block("new")])
    assert [each.pin_id for each in read_takedown(tmp_path).blocks] == ["old"]


def test_a_change_that_is_shown_but_not_durable_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that a list which has changed is as it was; the same command again makes it durable."""
    synced: list[bool] = []

    def failing_once(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(is_folder)
        if is_folder and synced.count(True) == 1:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing_once)
    with pytest.raises(
        TakedownError, match=r"cannot be made durable: Input/output error\. It is changed, but"
    ):
        block(tmp_path, [Block("new")])
    assert block(tmp_path, [Block("new")]) == Change(done=(), already=("new",))
    assert synced == [False, True, True]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what the system says."""
    with pytest.raises(TakedownError, match=r"no/blocked\.txt cannot be changed: No such file or directory"):
        block(tmp_path / "no", [Block("a")])
