"""An online file is walked before LMDB walks it: what LMDB would abort on, or hide, is a sentence."""

import struct
import sys
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from storage.errors import StoreUnavailableError
from storage.profiles.encoding import encode_online, is_online_record_of_another
from storage.profiles.lmdb.online import FILE, ONLINE_FOLDER, LmdbOnlineWriter, OnlineRecords
from storage.profiles.lmdb.trees import problem_of
from tests.storage.profiles.people import online

PAGE = 4_096


def key(number: int) -> bytes:
    return b"key-%04d" % number


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """1,000 records on some 60 leaves below one root, one of them on pages of its own, and free pages."""
    path = tmp_path / "some.lmdb"
    with lmdb.open(str(path), subdir=False, map_size=1 << 24, lock=False) as env:
        for turn in range(3):
            with env.begin(write=True) as txn:
                for number in range(turn, 1_000):
                    txn.put(key(number), b"%d" % turn * (9_000 if number == 500 else 200))
    return path


def txn_of(path: Path) -> int:
    with lmdb.open(str(path), subdir=False, readonly=True, lock=False) as env:
        return int(env.info()["last_txnid"])


def problem(path: Path) -> str | None:
    return problem_of(path, 3, lambda key, _: key == b"stolen")


def page_of(content: bytearray, flags: int) -> int:
    """Where the first page of this kind lies that the newest transaction wrote: the newest are the last."""
    for at in range(len(content) - PAGE, PAGE, -PAGE):
        if struct.unpack_from("=Q2xH", content, at) == (at // PAGE, flags):
            return at
    raise AssertionError("no such page")


def test_a_whole_file_has_no_problem(file: Path) -> None:
    """Nor has an empty one."""
    assert txn_of(file) == 3
    assert problem(file) is None
    empty = file.with_name("empty.lmdb")
    lmdb.open(str(empty), subdir=False, lock=False).close()
    assert problem_of(empty, 0, lambda *_: False) is None


def test_lists_of_free_pages_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    """Of 300 transactions, kept apart by a reader: 256 comes after 255, which bytes would not say."""
    path = tmp_path / "some.lmdb"
    with lmdb.open(str(path), subdir=False, map_size=1 << 24) as env, env.begin():
        for number in range(300):
            with env.begin(write=True) as txn:
                txn.put(b"key", b"%d" % number)
    assert problem_of(path, 300, lambda *_: False) is None


@pytest.mark.parametrize(
    ("flags", "offset", "value", "message"),
    [
        (1, 0, b"\x07", "the header of page"),
        (1, 10, b"\x00", "the header of page"),
        (1, 12, b"\x11", "the header of page"),
        (1, 12, b"\xff\xff", "the header of page"),
        (1, 16, b"\xff\xff", "points outside itself"),
        (4, 10, b"\x02", "the header of page"),
        (4, 12, b"\x01", "the header of page"),
        (4, 12, b"\xff\xff\xff\x7f", "which is outside"),
    ],
)
def test_a_damaged_header_is_told(file: Path, flags: int, offset: int, value: bytes, message: str) -> None:
    """Of a branch (1) and of a long value (4): number, kind, bounds, pointers, length."""
    content = bytearray(file.read_bytes())
    at = page_of(content, flags) + offset
    content[at : at + len(value)] = value
    file.write_bytes(content)
    assert message in (problem(file) or "")


def test_a_page_in_the_place_of_another_is_told(file: Path) -> None:
    """Whole as it is, it bears another number."""
    content = bytearray(file.read_bytes())
    leaf = page_of(content, 2)
    content[leaf : leaf + PAGE] = bytes(PAGE)
    file.write_bytes(content)
    assert f"the header of page {leaf // PAGE:,} is not the one it should have" in (problem(file) or "")


def test_a_changed_key_is_told(file: Path) -> None:
    """It would hide its record, and every search that passes it."""
    content = file.read_bytes()
    last = content.rindex(key(700))
    file.write_bytes(content[:last] + b"kez" + content[last + 3 :])
    assert "key" in (problem(file) or "")


def _number_at(content: bytearray, at: int) -> int:
    return int.from_bytes(content[at : at + 8], sys.byteorder)


# Of transaction 3: MDB_meta of page 1 with its trees of free pages and of records.
_FREE_TREE = PAGE + 16 + 24
_RECORDS_TREE = _FREE_TREE + 48


def _first_entry(content: bytearray, tree: int) -> int:
    """Where the first entry of a tree's root lies."""
    root = _number_at(content, tree + 40) * PAGE
    return root + int(struct.unpack_from("=H", content, root + 16)[0])


def two_parents(content: bytearray) -> None:
    """The root's second child is its third, too."""
    root = _number_at(content, _RECORDS_TREE + 40) * PAGE
    second, third = (root + at for at in struct.unpack_from("=HH", content, root + 18))
    content[third : third + 6] = content[second : second + 6]


def two_entries_swapped(content: bytearray) -> None:
    """Of the leaf of the first child."""
    child = PAGE * int(struct.unpack_from("=H", content, _first_entry(content, _RECORDS_TREE))[0])
    content[child + 16 : child + 20] = content[child + 18 : child + 20] + content[child + 16 : child + 18]


def a_key_twice(content: bytearray) -> None:
    """The last digit of the second key of the leaf of the first child becomes that of the first."""
    child = PAGE * int(struct.unpack_from("=H", content, _first_entry(content, _RECORDS_TREE))[0])
    first, second = (child + at for at in struct.unpack_from("=HH", content, child + 16))
    content[second + 8 : second + 16] = content[first + 8 : first + 16]


def one_record_more(content: bytearray) -> None:
    """The meta page counts it."""
    content[_RECORDS_TREE + 32] += 1


def a_list_longer_than_itself(content: bytearray) -> None:
    """Of free pages: its first number is how many there are."""
    content[_first_entry(content, _FREE_TREE) + 16 + 3] = 1


def a_short_number(content: bytearray) -> None:
    """The key of a list of free pages has four bytes."""
    content[_first_entry(content, _FREE_TREE) + 6] = 4


def an_unknown_kind_of_entry(content: bytearray) -> None:
    """A flag that nothing here writes."""
    content[_first_entry(content, _FREE_TREE) + 4] |= 0x10


def an_entry_past_its_page(content: bytearray) -> None:
    """Its value would end where the next page goes on."""
    content[_first_entry(content, _FREE_TREE) + 1] = 0x20


def one_page_less(content: bytearray) -> None:
    """The file ends early."""
    del content[-PAGE:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (two_parents, "two places lead to page"),
        (two_entries_swapped, "is out of order"),
        (a_key_twice, "is out of order"),
        (one_record_more, "its records are others than its first pages count"),
        (a_list_longer_than_itself, "a list of free pages is cut off"),
        (a_short_number, "is no transaction's number"),
        (an_unknown_kind_of_entry, "is not one"),
        (an_entry_past_its_page, "is not one"),
        (one_page_less, "it is shorter than its first pages say"),
    ],
)
def test_what_no_header_tells_is_told(file: Path, damage: Callable[[bytearray], None], message: str) -> None:
    """Each page looks well by itself; together they are no tree, or their entries are none."""
    content = bytearray(file.read_bytes())
    damage(content)
    file.write_bytes(content)
    assert message in (problem(file) or "")


def test_a_record_under_the_key_of_another_is_told(file: Path) -> None:
    """Whoever knows the records says whose they are."""
    found = problem_of(file, 3, lambda found, _: found == key(42))
    assert found == f"it is damaged: the record under the key {key(42)!r} is another's"


def test_another_transaction_than_the_files_is_told(file: Path) -> None:
    """LMDB and this check must mean the same snapshot."""
    assert problem_of(file, 9, lambda *_: False) == (
        "its first pages do not know the transaction 9 that LMDB reads"
    )


def test_a_whole_record_says_whose_it_is() -> None:
    """A broken one says nothing: whoever reads it is told."""
    value = encode_online(online("ann", "cat-1"))
    assert not is_online_record_of_another(b"ann", value)
    assert is_online_record_of_another(b"anna", value)
    assert is_online_record_of_another(b"bob", value)
    assert not is_online_record_of_another(b"bob", value[:-1] + bytes([value[-1] ^ 1]))
    long = "x" * 128
    assert not is_online_record_of_another(long.encode(), encode_online(online(long, "cat-1")))


def test_a_refused_file_is_judged_again_when_it_is_replaced(tmp_path: Path) -> None:
    """Not at every request: that takes seconds. The answer is the same sentence until then."""
    writer = LmdbOnlineWriter(tmp_path)
    for number in range(200):
        writer.put(online(f"user-{number}", "cat-1"))
    writer.close()
    path = tmp_path / ONLINE_FOLDER / FILE
    whole = path.read_bytes()
    broken = bytearray(whole)
    for number in range(2, len(whole) // PAGE):
        if broken[number * PAGE + 10] == 1:
            broken[number * PAGE + 12] ^= 1
    path.unlink()
    path.write_bytes(broken)

    records = OnlineRecords(tmp_path)
    records.open_early()
    errors = []
    for _ in range(2):
        with pytest.raises(
            StoreUnavailableError, match=r"is damaged: .* Restore a copy, or remove it"
        ) as caught:
            records.get("user-7")
        errors.append(caught.value)
    assert errors[0] is errors[1]
    path.unlink()
    path.write_bytes(whole)
    assert records.get("user-7") is not None
    records.close()
