"""An LMDB file's trees, walked whole before LMDB walks them: on a damaged page it aborts or dies of SIGBUS.

The layout is that of MDB_page and MDB_node in mdb.c of LMDB 0.9, in the byte order of the machine.
"""

import os
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from storage.profiles.lmdb import meta_page
from storage.profiles.lmdb.meta_page import Meta, Tree

IsMisplaced = Callable[[bytes, bytes], bool]
"""Whether a value, whole as it is, lies under a key that is not its own: (key, value)."""

_HEADER = struct.Struct("=Q2xHHH")  # number, flags, end of the pointers, start of the nodes
_NODE = struct.Struct("=HHHH")  # low and high of the length or the child, flags or its highest, key length
_LENGTH = struct.Struct("=I")  # of a run of overflow pages, in the header's last four bytes
_PAGE_NUMBER = struct.Struct("=Q")
_BRANCH, _LEAF, _OVERFLOW = 0x01, 0x02, 0x04
_BIG_VALUE = 0x01
_FIRST_PAGE, _MAX_KEY_BYTES, _INTEGER_KEY_BYTES = 2, 511, 8

_Order = Callable[[bytes], bytes]
"""Turns a key of a tree into bytes that sort as the tree is sorted."""


class _DamageError(Exception):
    """What LMDB would not have written."""


def problem_of(path: Path, txn_id: int, is_misplaced: IsMisplaced) -> str | None:
    """Why LMDB must not follow the trees of a transaction, or None when every page and key of them is sound.

    Takes some seconds for a million records. The caller holds the read transaction, which keeps a writer at
    work from using its pages again meanwhile.

    Args:
        path: The file.
        txn_id: The transaction that LMDB reads.
        is_misplaced: Asked of every record: a damaged key would hide one without a word.

    Raises:
        OSError: The file cannot be read at all.
    """
    with path.open("rb", buffering=0) as file:
        meta = meta_page.of_transaction(file, txn_id)
        if meta is None:
            return f"its first pages do not know the transaction {txn_id:,} that LMDB reads"
        try:
            _Walk(_Pages(file.fileno(), meta), is_misplaced).check(meta)
        except _DamageError as error:
            return f"it is damaged: {error}"
    return None


@dataclass(slots=True)
class _Counts:
    """What was met of a tree."""

    branch_pages: int = 0
    leaf_pages: int = 0
    overflow_pages: int = 0
    entries: int = 0


class _Node(NamedTuple):
    """An entry of a page: `number` is a child's page, or the length of the value that starts at `data_at`."""

    key: bytes
    number: int
    is_big: bool
    data_at: int


class _Pages:
    """The pages of an open file; each is given out once, because each is part of one thing only."""

    def __init__(self, descriptor: int, meta: Meta) -> None:
        self._descriptor = descriptor
        self._page_bytes = meta.page_bytes
        self._n_pages = meta.last_page + 1
        if os.fstat(descriptor).st_size < self._n_pages * meta.page_bytes:
            raise _DamageError("it is shorter than its first pages say")
        self._is_met = bytearray(self._n_pages)

    def meet(self, first: int, n: int = 1) -> None:
        """Take these pages as part of one thing."""
        if first < _FIRST_PAGE or n < 1 or first + n > self._n_pages:
            raise _DamageError(f"something leads to page {first:,}, which is outside")
        if any(self._is_met[first : first + n]):
            raise _DamageError(f"two places lead to page {first:,}")
        self._is_met[first : first + n] = b"\1" * n

    def nodes(self, number: int, kind: int) -> tuple[bytes, list[_Node]]:
        """The content and the entries of a page of a tree, which must be of this kind."""
        self.meet(number)
        page = self._read(number, 0, self._page_bytes)
        found, flags, lower, upper = _HEADER.unpack_from(page)
        # LMDB's own search insists on two children.
        fewest = 2 if kind == _BRANCH else 1
        is_sound = _HEADER.size + 2 * fewest <= lower <= upper <= self._page_bytes and lower % 2 == 0
        if (found, flags) != (number, kind) or not is_sound:
            raise _DamageError(f"the header of page {number:,} is not the one it should have")
        places = struct.unpack_from(f"={(lower - _HEADER.size) // 2}H", page, _HEADER.size)
        if min(places) < upper or max(places) + _NODE.size > self._page_bytes:
            raise _DamageError(f"page {number:,} points outside itself")
        return page, [_node(page, at, kind) for at in places]

    def big_value(self, first: int, n_bytes: int) -> tuple[bytes, int]:
        """A value on pages of its own, and how many those are."""
        header = self._read(first, 0, _HEADER.size) if first < self._n_pages else bytes(_HEADER.size)
        found, flags, _, _ = _HEADER.unpack(header)
        (n_pages,) = _LENGTH.unpack_from(header, _HEADER.size - _LENGTH.size)
        if (found, flags) != (first, _OVERFLOW) or n_pages * self._page_bytes < _HEADER.size + n_bytes:
            raise _DamageError(f"the header of page {first:,} is not the one it should have")
        self.meet(first, n_pages)
        return self._read(first, _HEADER.size, n_bytes), n_pages

    def _read(self, number: int, offset: int, n_bytes: int) -> bytes:
        content = os.pread(self._descriptor, n_bytes, number * self._page_bytes + offset)
        if len(content) < n_bytes:
            raise _DamageError(f"page {number:,} is cut off")
        return content


class _Walk:
    """One pass over everything that a meta page leads to."""

    def __init__(self, pages: _Pages, is_misplaced: IsMisplaced) -> None:
        self._pages = pages
        self._is_misplaced = is_misplaced

    def check(self, meta: Meta) -> None:
        """Raises _DamageError at the first thing that is wrong."""
        for key, value in self._entries(meta.records, "records", bytes):
            if self._is_misplaced(key, value):
                raise _DamageError(f"the record under the key {key!r} is another's")
        for _, value in self._entries(meta.free, "free pages", _integer):
            self._meet_free_pages(value)

    def _entries(self, tree: Tree, name: str, order: _Order) -> Iterator[tuple[bytes, bytes]]:
        """The entries of a tree in order, every page of it checked; in the end their number, too."""
        counts = _Counts()
        below = iter(()) if tree.is_empty else self._below(tree.root, tree.depth, order, counts)
        before: bytes | None = None
        for key, value in below:
            if before is not None and order(key) <= before:
                raise _DamageError(f"the key {key!r} is out of order")
            before = order(key)
            counts.entries += 1
            yield key, value
        if counts != _Counts(tree.branch_pages, tree.leaf_pages, tree.overflow_pages, tree.entries):
            raise _DamageError(f"its {name} are others than its first pages count")

    def _below(self, root: int, depth: int, order: _Order, counts: _Counts) -> Iterator[tuple[bytes, bytes]]:
        """The entries of the leaves below a page that is `depth` levels high."""
        if depth == 1:
            counts.leaf_pages += 1
            page, nodes = self._pages.nodes(root, _LEAF)
            yield from ((node.key, self._value(page, node, counts)) for node in nodes)
            return
        counts.branch_pages += 1
        _, nodes = self._pages.nodes(root, _BRANCH)
        # The first key of a branch says nothing: what is below it begins where the branch does.
        ends = [order(node.key) for node in nodes[1:]]
        for node, (first, end) in zip(nodes, pairwise(chain([None], ends, [None])), strict=True):
            for key, value in self._below(node.number, depth - 1, order, counts):
                if (first is not None and order(key) < first) or (end is not None and order(key) >= end):
                    raise _DamageError(f"the key {key!r} is not where a search would look for it")
                yield key, value

    def _value(self, page: bytes, node: _Node, counts: _Counts) -> bytes:
        if not node.is_big:
            return page[node.data_at : node.data_at + node.number]
        (first,) = _PAGE_NUMBER.unpack_from(page, node.data_at)
        value, n_pages = self._pages.big_value(first, node.number)
        counts.overflow_pages += n_pages
        return value

    def _meet_free_pages(self, value: bytes) -> None:
        """A list of pages for a writer to use again: how many, then those, the last one first."""
        n_bytes = len(value) - len(value) % _PAGE_NUMBER.size
        n, *numbers = (number for (number,) in _PAGE_NUMBER.iter_unpack(value[:n_bytes])) if n_bytes else (1,)
        if n > len(numbers):
            raise _DamageError("a list of free pages is cut off")
        for number in numbers[:n]:
            self._pages.meet(number)


def _node(page: bytes, at: int, kind: int) -> _Node:
    """The entry that starts at `at`, all of it on this page."""
    low, high, flags, key_bytes = _NODE.unpack_from(page, at)
    data_at = at + _NODE.size + key_bytes
    if kind == _BRANCH:
        node = _Node(
            page[at + _NODE.size : data_at], low | high << 16 | flags << 32, is_big=False, data_at=data_at
        )
        end, is_known = data_at, True
    else:
        node = _Node(page[at + _NODE.size : data_at], low | high << 16, flags == _BIG_VALUE, data_at)
        end = data_at + (_PAGE_NUMBER.size if node.is_big else node.number)
        is_known = flags in {0, _BIG_VALUE} and key_bytes > 0
    if end > len(page) or key_bytes > _MAX_KEY_BYTES or not is_known:
        raise _DamageError(f"an entry of page {_HEADER.unpack_from(page)[0]:,} is not one")
    return node


def _integer(key: bytes) -> bytes:
    """A transaction's number, which LMDB keeps in the byte order of the machine and compares as a number."""
    if len(key) != _INTEGER_KEY_BYTES:
        raise _DamageError(f"the key {key!r} is no transaction's number")
    return key[::-1] if sys.byteorder == "little" else key
