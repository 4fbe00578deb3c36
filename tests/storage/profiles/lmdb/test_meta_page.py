"""A file is judged before LMDB maps it: what would be SIGBUS is a sentence."""

from pathlib import Path

import lmdb
import pytest

from storage.profiles.lmdb.meta_page import problem_of

PAGE = 4_096


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Some thousand records over several commits, so that both meta pages have been written."""
    path = tmp_path / "some.lmdb"
    with lmdb.open(str(path), subdir=False, map_size=1 << 24, lock=False) as env:
        for commit in range(5):
            with env.begin(write=True) as txn:
                for i in range(200):
                    txn.put(f"{commit}-{i}".encode(), b"x" * 200)
    return path


def test_a_whole_file_has_no_problem(file: Path) -> None:
    """Nothing to say; nor has a file that is longer than it need be."""
    assert problem_of(file) is None
    file.write_bytes(file.read_bytes() + bytes(PAGE))
    assert problem_of(file) is None


def test_every_shorter_length_is_told(file: Path) -> None:
    """Page by page down to nothing, and in the middle of a page."""
    content = file.read_bytes()
    lengths = [*range(0, len(content), PAGE), len(content) - 1, 100, PAGE + 100]
    for length in lengths:
        file.write_bytes(content[:length])
        assert problem_of(file) is not None, length


def test_a_truncated_file_says_how_long_it_should_be(file: Path) -> None:
    """In bytes, as ls shows them."""
    n = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-PAGE])
    assert problem_of(file) == f"it is truncated: it has {n - PAGE:,} bytes, its own meta page counts {n:,}"


@pytest.mark.parametrize("offset", [10, 16, 20, 40, PAGE + 10, PAGE + 16, PAGE + 20, PAGE + 40])
def test_damaged_meta_pages_are_told(file: Path, offset: int) -> None:
    """Flags, magic, version and page size, of the first meta page and of the second."""
    content = bytearray(file.read_bytes())
    content[offset] ^= 0xFF
    file.write_bytes(content)
    assert problem_of(file) == "it is not an LMDB file, or its first pages are damaged"


def test_another_kind_of_file_is_told(tmp_path: Path) -> None:
    """Long enough, yet nothing of LMDB's."""
    path = tmp_path / "some.lmdb"
    path.write_bytes(b"PAR1" * 10_000)
    assert problem_of(path) == "it is not an LMDB file, or its first pages are damaged"
