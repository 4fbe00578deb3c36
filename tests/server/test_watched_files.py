"""Files that are renewed under a running server: taken when they are good, refused when they are not."""

from pathlib import Path

import pytest

from server.errors import StartError
from server.watched_files import WatchedFiles, read_bytes


class Numbers:
    """A file with a number, and one for what it is divided by."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / "number", folder / "by"]
        self.write(0, "42")
        self.write(1, "1")
        self.n_refused = self.n_read = 0
        self.problems: list[Exception] = []

    def write(self, at: int, text: str) -> None:
        draft = self.paths[at].with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.paths[at])

    def read(self) -> int:
        self.n_read += 1
        if self.problems:
            raise self.problems.pop(0)
        try:
            number, by = (int(read_bytes(path, "number")) for path in self.paths)
        except ValueError as error:
            raise StartError("no number") from error
        return number // by

    def refused(self) -> None:
        self.n_refused += 1

    def watched(self) -> WatchedFiles[int]:
        return WatchedFiles("numbers", self.paths, self.read, count_refused=self.refused)


@pytest.fixture
def numbers(tmp_path: Path) -> Numbers:
    return Numbers(tmp_path)


def test_what_has_changed_is_read_again(numbers: Numbers) -> None:
    """Whichever of the files it was; what has not changed is not even opened."""
    watched = numbers.watched()
    seen = [watched.now]
    for at, text in ((0, "420"), (1, "2")):
        watched.look()
        numbers.write(at, text)
        watched.look()
        watched.look()
        seen.append(watched.now)

    assert seen == [42, 420, 210]
    assert numbers.n_read == 3


def test_what_cannot_be_used_changes_nothing(numbers: Numbers, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused, said and counted once; the next good one is taken."""
    watched = numbers.watched()
    numbers.write(0, "six")
    for _ in range(3):
        watched.look()
    assert (watched.now, numbers.n_refused) == (42, 1)
    assert "numbers refused, the last good stay in use" in capsys.readouterr().out

    numbers.write(0, "5")
    watched.look()
    assert (watched.now, numbers.n_refused) == (5, 1)


def test_what_could_not_be_read_is_tried_again(numbers: Numbers) -> None:
    """Though the files stay as they are: a want of descriptors passes, and a key that was taken back goes."""
    watched = numbers.watched()
    numbers.write(0, "6")
    numbers.problems = [StartError("Too many open files"), StartError("Too many open files"), OSError(5, "")]
    seen = []
    for _ in range(5):
        watched.look()
        seen.append((watched.now, numbers.n_refused))

    assert seen == [(42, 1), (42, 1), (42, 2), (6, 2), (6, 2)]
    assert numbers.n_read == 5


def test_each_state_of_the_files_is_refused_anew(numbers: Numbers) -> None:
    """In the same words, too; also what comes back after what was in use stood there again."""
    watched = numbers.watched()
    for text in ("six", "seven"):
        numbers.write(0, text)
        for _ in range(2):
            watched.look()
    assert numbers.n_refused == 2

    numbers.paths[1].rename(numbers.paths[1].with_suffix(".aside"))
    numbers.write(0, "5")
    watched.look()
    numbers.paths[1].with_suffix(".aside").rename(numbers.paths[1])
    watched.look()
    assert (watched.now, numbers.n_refused) == (5, 3)
    for _ in range(2):
        numbers.paths[1].rename(numbers.paths[1].with_suffix(".aside"))
        watched.look()
        numbers.paths[1].with_suffix(".aside").rename(numbers.paths[1])
        watched.look()
    assert (watched.now, numbers.n_refused) == (5, 5)


def test_a_defect_in_reading_ends_nothing(numbers: Numbers) -> None:
    """Files are looked at as long as the server runs, whatever was once in them."""
    watched = numbers.watched()
    numbers.write(1, "0")
    watched.look()
    assert (watched.now, numbers.n_refused) == (42, 1)

    numbers.write(1, "6")
    watched.look()
    assert watched.now == 7


def test_a_file_that_is_gone_changes_nothing(numbers: Numbers) -> None:
    """A volume that is remounted costs nobody a call."""
    watched = numbers.watched()
    numbers.paths[1].unlink()
    watched.look()
    assert (watched.now, numbers.n_refused) == (42, 1)

    numbers.write(1, "2")
    watched.look()
    assert watched.now == 21


def test_at_the_start_there_is_no_last_good_one(numbers: Numbers) -> None:
    """Then it is an error, with the flag, the file and the reason."""
    numbers.paths[0].unlink()

    with pytest.raises(StartError, match=r"^--number .*/number cannot be read: No such file or directory\.$"):
        numbers.watched()
