"""API keys: made once, kept as hashes, several live at a time."""

import hashlib
import sys
from pathlib import Path

import pytest

from server.__main__ import main
from server.api_keys import ApiKeys, add_key, read_keys
from server.errors import StartError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


def test_a_key_that_was_made_is_let_in(path: Path) -> None:
    """And nothing that is like it: not without the scheme, not cut, not another."""
    key = add_key(path, "feed")
    keys = read_keys(path)

    assert keys.find(f"Bearer {key}")
    assert keys.find(f"bearer {key}")
    wrong = [key, f"Basic {key}", "Bearer ", "", f"Bearer {key}x", f"Bearer {key[:-1]}", f"Bearer  {key}"]
    assert [keys.find(each) for each in wrong] == [None] * len(wrong)


def test_the_file_holds_no_key(path: Path) -> None:
    """Only its name and its SHA-256: who reads the file cannot call."""
    key = add_key(path, "feed")

    assert path.read_text() == f"feed sha256:{hashlib.sha256(key.encode()).hexdigest()}\n"
    assert len(key) == len("ps_") + 43


def test_a_key_may_be_for_reading_only(path: Path) -> None:
    """It is so by a word in its line; without that it may do everything."""
    reading, writing = add_key(path, "feed", may_write=False), add_key(path, "app")
    found = [read_keys(path).find(f"Bearer {key}") for key in (reading, writing)]

    assert [key and key.may_write for key in found] == [False, True]
    assert path.read_text().splitlines()[0].endswith(" read-only")


def test_keys_overlap_while_one_follows_another(path: Path) -> None:
    """The new one is added, callers move, the old one's line is deleted: at no time is nobody let in."""
    old = add_key(path, "feed-1")
    new = add_key(path, "feed-2")
    assert all(read_keys(path).find(f"Bearer {key}") for key in (old, new))

    path.write_text("".join(line for line in path.read_text().splitlines(True) if "feed-1 " not in line))
    assert [read_keys(path).find(f"Bearer {key}") is None for key in (old, new)] == [True, False]


def test_people_may_write_in_the_file(path: Path) -> None:
    """Comments, blank lines, and a last line without an end stay as they are when a key is added."""
    first = add_key(path, "feed")
    path.write_text(f"# keys of the shop\n\n{path.read_text().strip()}  # of the feed team")
    second = add_key(path, "search")

    assert path.read_text().startswith("# keys of the shop\n\nfeed sha256:")
    assert all(read_keys(path).find(f"Bearer {key}") for key in (first, second))


def test_a_file_without_keys_lets_nobody_in(path: Path) -> None:
    """Deleting the last line locks the last caller out."""
    path.write_text("# none\n")

    assert read_keys(path) == ApiKeys({})
    assert not read_keys(path).find("Bearer ")


@pytest.mark.parametrize(
    "line",
    [
        "feed",
        "feed sha256:abc",
        "feed md5:" + "0" * 64,
        "two words sha256:" + "0" * 64,
        "ok sha256:" + "1" * 64,
        "a sha256:" + "2" * 64 + " write-only",
    ],
)
def test_a_line_that_is_no_key_is_refused(line: str, path: Path) -> None:
    """With its number and how to make one: a slip must not take a caller's key away in silence."""
    path.write_text("ok sha256:" + "0" * 64 + f"\n{line}\n")

    with pytest.raises(StartError, match=r"keys\.txt, line 2: write NAME sha256:HEX.*server key"):
        read_keys(path)


def key_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["server", "key", *arguments])
    return main()


def test_the_command_prints_the_key_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone on stdout, to be piped into a secret; what to do with it is said beside."""
    assert key_command(monkeypatch, "--name", "feed", "--api-keys", str(path)) == 0
    said = capsys.readouterr()

    assert read_keys(path).find(f"Bearer {said.out.strip()}")
    assert "written down nowhere else" in said.err


def test_the_command_refuses_a_name_that_is_taken_or_none(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence, and the file stays as it was."""
    add_key(path, "feed")
    before = path.read_text()
    for name, problem in (("feed", "has a key of that name"), ("a b", "up to 64 letters")):
        assert key_command(monkeypatch, "--name", name, "--api-keys", str(path)) == 1
        assert problem in capsys.readouterr().err

    assert path.read_text() == before


def test_a_mistyped_command_is_told_the_only_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not taken for a server whose flags are missing."""
    monkeypatch.setattr(sys, "argv", ["server", "kye", "--name", "feed-1"])
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("server: there is no command 'kye': the only one is key, and without one")
    assert "--pins" not in said
