"""Taking pins down by command, as a person meets it."""

from pathlib import Path

import pytest

from index_builder.__main__ import program
from storage.pins.artefact import pin_versions
from storage.pins.takedown import FILE, Block, read_takedown
from tests.index_builder.tables import write_circle


class Terminal:
    """Runs commands and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: object) -> int:
        status = program().run([str(argument) for argument in arguments])
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def root(run: Terminal, tmp_path: Path) -> Path:
    """An artefact of pins 0N, 90N and 180N."""
    path = write_circle(tmp_path / "p.parquet", [0, 90, 180])
    assert run("build", "--pins", path, "--embedding-space", "s", "--out", tmp_path / "a") == 0
    return tmp_path / "a"


def test_blocking_an_added_pin(run: Terminal, root: Path) -> None:
    """It is known, though no build holds it yet: it is no slip."""
    new = write_circle(root.parent / "new.parquet", [45])
    assert run("add", "--pins", new, "--to", root) == 0
    assert run("block", "45N", "4SN", "--pins", root) == 0
    assert "45N is not" not in run.out
    assert "! 4SN is not in the live version" in run.out
    assert run("blocked", "--pins", root) == 0
    assert "  45N  with its near-duplicates\n" in run.out


def test_blocking(run: Terminal, root: Path) -> None:
    """What was done to each pin; an id that the live version lacks is most likely a slip, and is told."""
    assert run("block", "0N", "9ON", "--pins", root, "--note", "by ann, 3 May") == 0
    assert run.out.splitlines() == [
        "  0N  blocked",
        "  9ON  blocked",
        "! 9ON is not in the live version: it waits on the list for one that holds it.",
        "2 pins are on the list. Running servers follow within 5 s.",
    ]
    assert read_takedown(root).blocks == (
        Block("0N", note="by ann, 3 May"),
        Block("9ON", note="by ann, 3 May"),
    )


def test_blocking_again(run: Terminal, root: Path) -> None:
    """Pins blocked alone can be widened to their groups; not the other way round in silence."""
    run("block", "0N", "--only", "--pins", root)
    assert run("block", "0N", "--pins", root) == 0
    assert run.out.startswith("  0N  blocked\n")
    assert run("block", "0N", "--only", "--pins", root) == 0
    assert run.out.startswith("  0N  blocked already\n")


def test_unblocking(run: Terminal, root: Path) -> None:
    """And what was not blocked at all."""
    run("block", "0N", "--pins", root)
    assert run("unblock", "0N", "90N", "--pins", root) == 0
    assert run.out.splitlines() == [
        "  0N  no longer blocked",
        "  90N  not on the list",
        "0 pins are on the list. Running servers follow within 5 s.",
    ]


def test_the_list(run: Terminal, root: Path) -> None:
    """Each pin with what it takes along, and the lines that say nothing with their numbers."""
    (root / FILE).write_text("0N\n90N only # case 17\ngone\nbad line\n")
    assert run("blocked", "--pins", root) == 0
    problem = (
        "after the id comes nothing, `only`, or a comment that begins with #; an id with spaces stands in "
        "double quotes"
    )
    assert run.out.splitlines() == [
        "  0N  with its near-duplicates",
        "  90N  alone; case 17",
        "  gone  with its near-duplicates; not in the live version",
        f"! {root}/blocked.txt, line 4: {problem}",
        "3 pins are on the list, 1 line cannot be read.",
    ]


def test_an_id_that_no_pin_can_have(run: Terminal, root: Path) -> None:
    """One sentence, and nothing is blocked."""
    assert run("block", "0N", "x" * 129, "--pins", root) == 1
    assert run.err == "index_builder: nothing was blocked: the id has 129 bytes; ids have 1 to 128\n"
    assert read_takedown(root).blocks == ()


@pytest.mark.parametrize("command", [("block", "0N"), ("unblock", "0N"), ("blocked",)])
def test_a_folder_that_is_no_artefact(run: Terminal, tmp_path: Path, command: tuple[str, ...]) -> None:
    """What is blocked in the wrong folder would go on being shown."""
    assert run(*command, "--pins", tmp_path / "no") == 1
    assert "is not a folder that exists" in run.err
    assert not (tmp_path / "no").exists()


def test_blocking_needs_no_readable_version(run: Terminal, root: Path) -> None:
    """A takedown does not wait for a repair."""
    path = pin_versions(root).folder() / "ids.npy"
    path.chmod(0o644)
    path.write_bytes(b"")
    assert run("block", "0N", "--pins", root) == 0
    assert "! The live version cannot be opened: whether it holds these pins is not known." in run.out
    assert read_takedown(root).blocks == (Block("0N"),)


def test_a_rebuild_keeps_the_list(run: Terminal, root: Path, tmp_path: Path) -> None:
    """It lies beside the versions, and no publish, roll-back or prune touches it."""
    run("block", "0N", "--pins", root)
    before = (root / FILE).read_bytes()
    path = write_circle(tmp_path / "q.parquet", [0, 45])
    assert run("build", "--pins", path, "--embedding-space", "s", "--out", root, "--keep", "1") == 0
    assert run("rollback", "--pins", root) == 0
    assert (root / FILE).read_bytes() == before
