"""A file is judged before LMDB maps it: what would be SIGBUS is a sentence."""

import io
from pathlib import Path

import lmdb
import pytest

from storage.profiles.lmdb.meta_page import of_transaction, problem_of

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


# MDB_meta of page 0: its tree of records, and its transaction; that of page 1 lies a page behind.
_RECORDS_DEPTH, _TRANSACTION = 16 + 24 + 48 + 6, 16 + 24 + 96 + 8


def test_a_tree_deeper_than_lmdb_walks_is_told(file: Path) -> None:
    """LMDB keeps 32 pages of a way through a tree, and does not ask whether there are more."""
    content = bytearray(file.read_bytes())
    content[PAGE + _RECORDS_DEPTH] = 33
    file.write_bytes(content)
    assert problem_of(file) == "it is not an LMDB file, or its first pages are damaged"


def test_meta_pages_that_changed_places_are_told(file: Path) -> None:
    """An even transaction is on page 0: each commit overwrites the older one."""
    content = bytearray(file.read_bytes())
    assert (content[_TRANSACTION], content[PAGE + _TRANSACTION]) == (4, 5)
    content[_TRANSACTION], content[PAGE + _TRANSACTION] = 5, 4
    file.write_bytes(content)
    assert problem_of(file) == "it is not an LMDB file, or its first pages are damaged"


class Torn(io.BytesIO):
    """A file whose meta pages are of two commits far apart for so many reads: a writer was at work."""

    def __init__(self, whole: bytes, n_reads: int) -> None:
        super().__init__(whole)
        self._left = n_reads

    def read(self, size: int | None = -1) -> bytes:
        content = bytearray(super().read(size))
        self._left -= 1
        if self._left >= 0:
            content[_TRANSACTION] = 2
        return bytes(content)


def test_a_writer_at_work_is_no_damage(file: Path) -> None:
    """Pages that do not belong together are looked at again; only those that never do are damaged."""
    whole = file.read_bytes()
    found = of_transaction(Torn(whole, 4), 5)
    assert found is not None
    assert found.txn_id == 5
    assert of_transaction(Torn(whole, 1_000), 5) is None


def test_a_second_meta_page_of_something_else_is_told(file: Path) -> None:
    """Whatever transaction is asked for."""
    content = bytearray(file.read_bytes())
    content[PAGE + 16] ^= 0xFF
    assert of_transaction(io.BytesIO(content), 4) is None
